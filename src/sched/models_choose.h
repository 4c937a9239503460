/* models_choose.h - which model goes, which may come: a function of what there is and the time.
 *
 * No thread, no clock, no memory of its own.
 *
 * The system counts the copies of files it holds as memory that can be had.  The weights of a
 * loaded model are such copies, and pages of its cache that were never touched are not taken yet:
 * both are promised all the same (`claimed`), and are subtracted from what the system says.
 *
 * Thread: any. */
#ifndef HTH_SCHED_MODELS_CHOOSE_H
#define HTH_SCHED_MODELS_CHOOSE_H

#include <stdbool.h>

#include "base/err.h"

typedef struct HthModelUse {
    uint64_t bytes; /* its whole plan */
    uint64_t claimed; /* of these, what the system still calls available */
    uint64_t used_ns; /* when it was last asked for */
    uint64_t expires_ns; /* from then on it may go without need; UINT64_MAX: never */
    uint32_t references;
    bool pinned;
    bool moving; /* being loaded or unloaded */
} HthModelUse;

typedef struct HthModelsRoom {
    uint64_t available; /* bytes the system says can be had; 0: it does not say */
    uint64_t memory_max; /* 0: none */
    uint32_t models_max; /* 0: none */
} HthModelsRoom;

typedef struct HthModelWant {
    uint64_t weight_bytes; /* read from a file: can pass through memory, alone */
    uint64_t own_bytes; /* cannot */
    uint64_t taken_bytes; /* the system has given already: they count below memory_max only */
} HthModelWant;

typedef enum HthModelsVerdict {
    HTH_MODELS_LOAD, /* there is room */
    HTH_MODELS_UNLOAD, /* `victim` first; then ask again */
    HTH_MODELS_BUSY, /* what is in the way is in use, or moving */
    HTH_MODELS_REFUSE /* it will not fit */
} HthModelsVerdict;

typedef struct HthModelsChoice {
    HthModelsVerdict verdict;
    uint32_t victim; /* UNLOAD: index */
    uint64_t need, room; /* bytes; for the sentence */
    bool by_count; /* models_max is what stands against it */
} HthModelsChoice;

/* uses: all but the wanted one. */
HthModelsChoice hth_models_choose(const HthModelUse *uses, uint32_t n, const HthModelsRoom *room,
                                  const HthModelWant *want);

/* The idle model whose time was up first, or UINT32_MAX. *next_ns: when the next one's is;
 * UINT64_MAX: no one's. */
uint32_t hth_models_due(const HthModelUse *uses, uint32_t n, uint64_t now_ns, uint64_t *next_ns);

#endif
