/* arena.h - bump allocation with one ceiling and one end.
 *
 * An arena lends memory that lives until it is reset or closed.  Blocks are chained, each at least
 * 64 KiB, so taking is a pointer bump; the ceiling makes hostile input an error, not an outage.
 * Under AddressSanitizer the gaps between takes are poisoned.
 *
 * Thread: one owner at a time. */
#ifndef HTH_BASE_ARENA_H
#define HTH_BASE_ARENA_H

#include "base/err.h"

typedef struct HthArena HthArena;

/* On success *out owns the arena. bytes_max is the ceiling over all blocks. */
HTH_MUST_CHECK HthStatus hth_arena_open(HthArena **out, size_t bytes_max, HthErr *err);
void hth_arena_close(HthArena **arena); /* sets NULL */

/* count * size zeroed bytes aligned to 16, or NULL: the ceiling, exhaustion or overflow. */
void *hth_arena_take(HthArena *arena, size_t count, size_t size);
/* A NUL-terminated copy of n bytes, or NULL. */
char *hth_arena_copy(HthArena *arena, const void *bytes, size_t n);
void hth_arena_reset(HthArena *arena); /* everything lent becomes invalid; memory is kept */
size_t hth_arena_used(const HthArena *arena);
size_t hth_arena_high_water(const HthArena *arena);

#endif
