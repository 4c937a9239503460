/* idle.h - what a server does when it has nothing better to do: the digests of model files.
 *
 * A digest is part of every answer, and reading a whole file for it would make the first request of
 * a model a slow one.  So a thread that runs only when nobody else wants to reads the files, one
 * after another, once; it stands still while a model is being loaded, and stops within a piece of a
 * file.
 *
 * Thread: any. */
#ifndef HTH_SERVE_IDLE_H
#define HTH_SERVE_IDLE_H

#include "vault/store.h"

typedef struct HthIdle HthIdle;

HTH_MUST_CHECK HthStatus hth_idle_open(HthIdle **out, HthStore *store, HthErr *err); /* borrowed */
void hth_idle_close(HthIdle **idle); /* what it was reading is not finished */
/* Between the two it stands still; they nest. NULL is fine. */
void hth_idle_hold(HthIdle *idle);
void hth_idle_go(HthIdle *idle);

#endif
