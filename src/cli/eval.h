/* eval.h - the table that hearth eval prints.  Private to the verb.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_EVAL_H
#define HTH_CLI_EVAL_H

#include "cli/cli.h"

void hth_eval_print(const json_t *report); /* on standard output */

#endif
