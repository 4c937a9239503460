/* json_heap.h - where jansson takes memory, and how its reader is stopped when there is none.
 *
 * Private to base/json.c.
 *
 * Thread: any. */
#ifndef HTH_BASE_JSON_HEAP_H
#define HTH_BASE_JSON_HEAP_H

#include <jansson.h>
#include <stdbool.h>

/* A call into jansson that reads. It is left in the middle when there is no memory, and all it took
 * goes back: it owns nothing else. *starved: that happened, and NULL is returned. */
json_t *hth_json_guarded(json_t *(*read)(void *ctx), void *ctx, bool *starved);

#endif
