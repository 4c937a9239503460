/* term.h - what the terminal is, and progress on it.
 *
 * Nothing here writes to stdout, and nothing at all is drawn when stderr is not a terminal.
 *
 * Thread: the main thread; hth_interrupted is set by a signal handler. */
#ifndef HTH_CLI_TERM_H
#define HTH_CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>

bool hth_term_in(void); /* is stdin, stdout, stderr a terminal? */
bool hth_term_out(void);
bool hth_term_err(void);

/* A line on stderr, drawn when the work has taken over a second, redrawn ten times a second.
 * total 0: not known. */
void hth_progress(const char *what, size_t done, size_t total);
void hth_progress_end(void); /* wipes the line */

/* Ctrl-C sets the flag; the third within the same work ends the program with 130. */
void hth_interrupt_catch(void);
bool hth_interrupted(void);
void hth_interrupt_clear(void);

#endif
