/* memory.c - see memory.h.
 *
 * Thread: any. */
#include "run/memory.h"

#include "base/room.h"
#include "model/model.h"

const char *hth_memory_name(HthMemoryPart part) {
    static const char *const names[HTH_MEMORY_COUNT] = {
        [HTH_MEMORY_WEIGHTS] = "weights", [HTH_MEMORY_PANELS] = "panels",
        [HTH_MEMORY_TABLES] = "tables",   [HTH_MEMORY_CACHE] = "cache",
        [HTH_MEMORY_SCRATCH] = "scratch", [HTH_MEMORY_LOGITS] = "logits",
        [HTH_MEMORY_LISTS] = "lists",     [HTH_MEMORY_ADAPTERS] = "adapters",
    };
    HTH_ASSERT((unsigned)part < HTH_MEMORY_COUNT);
    return names[part];
}

uint64_t hth_memory_total(const HthMemory *m) {
    uint64_t total = 0;
    for (int part = 0; part < HTH_MEMORY_COUNT; part++) total += m->bytes[part];
    return total;
}

void hth_memory_of_model(HthMemory *m, const HthModel *model, bool no_pack) {
    m->bytes[HTH_MEMORY_WEIGHTS] = hth_model_weight_bytes(model);
    m->bytes[HTH_MEMORY_PANELS] = no_pack ? 0 : hth_model_pack_beside(model);
    m->bytes[HTH_MEMORY_TABLES] = hth_model_table_bytes(model);
}

/* The tables and adapters are there already: what the system says is left is without them. */
void hth_memory_paging(HthPagingPlan *out, const HthMemory *m, const HthModel *model) {
    const uint64_t available = hth_room_available();
    const uint64_t own = m->bytes[HTH_MEMORY_CACHE] + m->bytes[HTH_MEMORY_SCRATCH] +
                         m->bytes[HTH_MEMORY_LOGITS] + m->bytes[HTH_MEMORY_LISTS];
    const bool stays = !hth_model_files(model) || available == 0;
    hth_paging_plan(out, hth_model_program(model),
                    stays             ? UINT64_MAX
                    : own < available ? available - own
                                      : 0);
}
