/* link.h - what a front and an engine share: two rings of records, and two bells.
 *
 *   front ---- ASK BODY WHOLE CREDIT GONE END ---> engine
 *   front <--- VERDICT ANSWER DATA FIN TAKEN ----- engine
 *
 * One mapping made before the processes are forked; numbers are little-endian, nothing in it is a
 * pointer.  Each end takes the other for hostile: a record is copied out before it is looked at,
 * and what it says is held against tables and ceilings by whoever takes it (wire.h, relay.c,
 * far.c).  A bell is rung only for an end that has gone to sleep, or that waits for room.
 *
 * Thread: one for taking; putting under its user's lock. */
#ifndef HTH_SERVE_LINK_H
#define HTH_SERVE_LINK_H

#include "base/ring.h"
#include "serve/http.h"

enum {
    HTH_LINK_SLOTS = 8192, /* exchanges at once */
    HTH_LINK_NOBODY = HTH_LINK_SLOTS, /* slot of an END whose ASK never was */
    HTH_LINK_RECORD_MAX = 128 << 10,
    HTH_LINK_PIECE = 32 << 10, /* bytes of a body or an answer in one record */
    HTH_LINK_WINDOW = 128 << 10, /* bytes of an answer under way at once */
    HTH_LINK_UP_WINDOW = 1 << 20, /* of an upload */
    HTH_LINK_RING = 2 << 20,
    HTH_LINK_STATS = 7
};

typedef enum HthLinkKind {
    HTH_LINK_NONE,
    /* to the engine */
    HTH_LINK_ASK, /* HthWireAsk */
    HTH_LINK_BODY, /* bytes */
    HTH_LINK_WHOLE, /* the body has ended */
    HTH_LINK_CREDIT, /* number: bytes of the answer the client has taken */
    HTH_LINK_GONE, /* the client has left */
    HTH_LINK_END, /* HthWireEnd: the last word on this exchange */
    /* to the front */
    HTH_LINK_VERDICT, /* number: an upload may come, and how large it may be */
    HTH_LINK_ANSWER, /* HthWireAnswer */
    HTH_LINK_DATA, /* bytes */
    HTH_LINK_FIN, /* the answer has ended (one whose length was not told) */
    HTH_LINK_TAKEN, /* number: bytes of the upload that are written; flag: the rest is not wanted */
    HTH_LINK_KINDS
} HthLinkKind;

typedef struct HthLinkHead {
    uint16_t kind, flag;
    uint32_t slot;
    uint64_t serial; /* of the exchange: a slot is used again */
    uint64_t number;
} HthLinkHead;

/* The mapping and the bells; before the fork. */
typedef struct HthLinkMap {
    void *memory;
    size_t bytes;
    int bells[2]; /* of the front, of the engine */
} HthLinkMap;
HTH_MUST_CHECK HthStatus hth_link_make(HthLinkMap *out, HthErr *err);
void hth_link_unmake(HthLinkMap *map); /* zero is fine */

typedef enum HthLinkEnd { HTH_LINK_FRONT, HTH_LINK_ENGINE } HthLinkEnd;

typedef struct HthLink HthLink;
HTH_MUST_CHECK HthStatus hth_link_open(HthLink **out, const HthLinkMap *map, HthLinkEnd end,
                                       HthErr *err);
void hth_link_close(HthLink **link);
int hth_link_bell(const HthLink *link); /* this end's: an eventfd, borrowed */

/* Puts a record; false: there is no room for it and `spare` bytes more. Then this end's bell is
 * rung as soon as the other has taken something. */
bool hth_link_put(HthLink *link, const HthLinkHead *head, const void *bytes, size_t n,
                  size_t spare);
/* For one thread that alone puts: while it is on, the other end is not woken for each record, but
 * once, when it is turned off. */
void hth_link_batch(HthLink *link, bool on);
/* 1: a record; its bytes are this end's copy, until the next call. 0: none, and the bell will ring
 * for the next. -1: one of the two is no ring any more. */
int hth_link_take(HthLink *link, HthLinkHead *head, HthStr *bytes);

/* Numbers of the front, for whoever tells about it; the engine believes none of them. */
void hth_link_stats_put(HthLink *link, const HthHttpStats *stats);
HthHttpStats hth_link_stats(const HthLink *link);

#endif
