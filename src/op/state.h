/* state.h - what an operation keeps of a timeline where keys and values are not it: a state of one
 * size that every row changes (docs/adr/0043-recurrent-state.md).
 *
 * A timeline has a block, and in it for each such operation: the live state, after the row last
 * computed; the rows it was made of lately; where rows may be taken back, two bases, the state as
 * it was at the last two multiples of HTH_STATE_BACK.  Taking back rows drops the live state; it is
 * made again from a base and the rows kept.  Pages may have a snapshot of all states as they were
 * at their end: whoever begins with such pages begins there.  All give the same bits: rows change a
 * state one after another, in one order.
 *
 * Thread: one step at a time per timeline. */
#ifndef HTH_OP_STATE_H
#define HTH_OP_STATE_H

#include <stdbool.h>

#include "op/kv_view.h"

/* Rows that can be taken back at least; a power of two, and HTH_PAGE_LEN a multiple of it. */
enum { HTH_STATE_BACK = 32, HTH_STATE_NOWHERE = UINT32_MAX };

typedef struct HthStateSpec {
    uint32_t size; /* floats that every row changes */
    uint32_t row; /* floats of a row, that change it */
    uint32_t before; /* rows before a row that its result is made of: of a convolution */
} HthStateSpec;

/* Where it is. */
typedef struct HthStateHead {
    uint32_t at; /* rows the live state has seen, or HTH_STATE_NOWHERE: it was dropped */
    uint32_t end; /* rows computed and not taken back */
    uint32_t low; /* from here on positions can be gone back to */
    uint32_t base[2]; /* what the bases have seen */
    uint32_t pad[11]; /* a cache line */
} HthStateHead;

typedef struct HthState {
    const HthStateSpec *spec;
    HthStateHead *head;
    float *live; /* [size] */
    float *base[2]; /* [size]; NULL where rows are not taken back */
    float *ring; /* [rows][row]; the row of position p is at p % rows */
    uint32_t rows;
} HthState;

/* Adds states to a layout; specs [count] is borrowed. back: rows are taken back. ELIMIT. */
HTH_MUST_CHECK HthStatus hth_state_layout(HthKvLayout *layout, const HthStateSpec *specs,
                                          uint32_t count, bool back, HthErr *err);
/* The state `which` of a timeline. */
HthState hth_state_of(const HthKvView *v, uint32_t which);
/* Makes the live state one from which position pos can be reached; head->at says which rows, all in
 * the ring, must be done again before. pos is one that hth_state_rest gave, or follows. */
void hth_state_seek(const HthState *s, const HthKvView *v, uint32_t which, uint32_t pos);
static inline float *hth_state_row(const HthState *s, uint32_t pos) {
    return s->ring + (size_t)(pos % s->rows) * s->spec->row;
}
/* The state's part of the snapshot after `count` rows, [size] and then [before][row]; NULL where
 * none is kept. */
float *hth_state_snap(const HthKvView *v, uint32_t which, uint32_t count);
/* After `count` of the rows up to `end`, is the live state to be put in base[count / BACK % 2]? */
bool hth_state_keeps(const HthState *s, uint32_t count, uint32_t end);
/* After rows up to `count`, kept where that was to be: where it is now. */
void hth_state_done(const HthState *s, uint32_t count);

/* Of count rows, all computed: the most after which the timeline can go on. */
uint32_t hth_state_rest(const HthKvView *v, uint32_t count);
/* For measuring: as if count rows had been computed, whatever the states hold. */
void hth_state_pretend(const HthKvView *v, uint32_t count);
/* Rows from count on were taken back: nothing of them stays. count: as hth_state_rest gives. */
void hth_state_forget(const HthKvView *v, uint32_t count);

#endif
