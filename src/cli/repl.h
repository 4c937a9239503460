/* repl.h - what the interactive chat's files share.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_REPL_H
#define HTH_CLI_REPL_H

#include "cli/chat.h"

struct editline;
struct history;

typedef struct HthRepl {
    HthChat *chat; /* borrowed */
    struct editline *el;
    struct history *history;
    HthBuf history_path; /* valid while keep_history */
    HthBuf input; /* the entry being read */
    bool keep_history, verbose, leave;
    bool in_quotes; /* between triple quotes */
    bool dropped; /* Ctrl-C at the prompt */
} HthRepl;

/* A line that begins with a slash. */
void hth_repl_command(HthRepl *r, HthStr line);
/* Writes an answer's text on stdout at once; *(bool *)payload: stdout is a terminal. */
void hth_term_text(void *payload, HthStr text);

#endif
