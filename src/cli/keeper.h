/* keeper.h - the one outside the cage who keeps saved chats for the one inside.
 *
 * A process made before the cage closes. It reads and writes saved chats, where the person says,
 * and nothing else: what does not hold a saved chat is not read, and neither replaced. So whoever
 * takes over the process that reads models can, through it, only meddle with saved chats. It has no
 * network either.
 *
 * Thread: the main thread; open before there are others. */
#ifndef HTH_CLI_KEEPER_H
#define HTH_CLI_KEEPER_H

#include "base/buf.h"
#include "base/json.h"

typedef struct HthKeeper HthKeeper;

HTH_MUST_CHECK HthStatus hth_keeper_open(HthKeeper **out, HthErr *err);
void hth_keeper_close(HthKeeper **keeper); /* ends the process; NULL is fine */

/* Errors as hth_file_write and hth_file_read; EINVAL: there is a file that holds no chat. */
HTH_MUST_CHECK HthStatus hth_keeper_save(HthKeeper *k, const char *path, HthStr chat, HthErr *err);
HTH_MUST_CHECK HthStatus hth_keeper_load(HthKeeper *k, const char *path, HthBuf *out, HthErr *err);

/* Is this what /save writes? */
bool hth_chat_is_saved(const json_t *o);
enum { HTH_CHAT_FILE_MAX = 1 << 28 };

#endif
