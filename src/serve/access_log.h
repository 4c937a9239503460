/* access_log.h - one line of JSON for each request. Never a prompt, never a key.
 *
 * {"time":"2026-11-21T20:14:05.123Z","method":"POST","route":"/v1/chat/completions","status":200,
 *  "whole":true,"in":512,"out":2048,"ms":812.4,"first_ms":96.1,"tokens_in":31,"tokens_out":128,
 *  "user":"alice","from":"127.0.0.1"}
 * route is the route table's word, "" when none matched; whole: the client took all of it.
 *
 * Lines are written by a thread of the log's own: a slow disk does not hold up the loop. When it
 * falls far behind, lines are left out and counted ("lost" in the next one).
 *
 * Thread: any for adding. */
#ifndef HTH_SERVE_ACCESS_LOG_H
#define HTH_SERVE_ACCESS_LOG_H

#include "serve/http.h"

typedef struct HthAccess {
    int64_t unix_s;
    uint32_t ms_part; /* of the second */
    HthStr method; /* any; written when it is a common one */
    HthXResult result;
    const HthNote *note;
    const char *from;
    uint64_t lost;
} HthAccess;
/* Appends the line, with its end. */
HTH_MUST_CHECK HthStatus hth_access_line(HthBuf *out, const HthAccess *a, HthErr *err);

typedef struct HthAccessLog HthAccessLog;
/* path: a file that is added to, mode 0600, or "-": standard error. */
HTH_MUST_CHECK HthStatus hth_access_log_open(HthAccessLog **out, const char *path, HthErr *err);
void hth_access_log_close(HthAccessLog **log); /* what was added is written */
/* The file is opened again, for those who move it away (SIGHUP). The old one stays on failure. */
HTH_MUST_CHECK HthStatus hth_access_log_reopen(HthAccessLog *log, HthErr *err);
void hth_access_log_add(HthAccessLog *log, const HthX *x); /* in HthHttpCfg.done */

#endif
