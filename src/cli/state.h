/* state.h - where this user's hearth keeps what is not a model: keys, conversations, the socket.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_STATE_H
#define HTH_CLI_STATE_H

#include "base/buf.h"

/* Appends $HEARTH_STATE, $XDG_STATE_HOME/hearth or ~/.local/state/hearth, the first that can be
 * had, and makes it (0700) when `make` is set. EINVAL: there is no home; EIO; EDENIED: the folder
 * is another user's or others may write it. */
HTH_MUST_CHECK HthStatus hth_state_folder(HthBuf *out, bool make, HthErr *err);
/* The same with a file's name in it. */
HTH_MUST_CHECK HthStatus hth_state_file(HthBuf *out, const char *name, bool make, HthErr *err);

#endif
