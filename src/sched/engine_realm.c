/* engine_realm.c - adapters of an engine's jobs: which there are, and whose pages are whose.
 *
 * The prefix tree knows a tenant by a number.  A tenant with a set of adapters has a number of its
 * own, from a list of what has been asked for of late: compared whole, never by a digest.  Who
 * falls out of the list loses his cached pages and gets another number when he comes again; no
 * number is given twice.
 *
 * Thread: as engine_int.h says of each field. */
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "sched/engine_int.h"

HthStatus hth_engine_adapters(HthEngine *e, const HthEngineCfg *cfg, HthErr *err) {
    if (cfg->adapter_count == 0) return HTH_OK;
    for (uint32_t i = 0; i < cfg->adapter_count; i++) /* the plan has counted them */
        e->adapters[i] = hth_adapter_parts(cfg->adapters[i].adapter);
    e->adapter_uses = cfg->adapters;
    e->adapter_count = cfg->adapter_count;
    e->realms = hth_calloc(HTH_REALMS, sizeof *e->realms);
    e->sets = hth_calloc(e->room.rows_max, sizeof *e->sets);
    HTH_REQUIRE(e->realms && e->sets, err, HTH_ENOMEM, "no memory for an engine's adapters");
    e->realm_last = hth_rng_entropy(); /* tenants are numbers by chance, too */
    return hth_exec_adapters(e->exec, e->room.run.adapt_width, err);
}

void hth_engine_adapters_close(HthEngine *e) {
    hth_free(e->realms);
    hth_free(e->sets);
}

const HthAdapterUse *hth_engine_adapters_of(const HthEngine *e, uint32_t *count) {
    *count = e->adapter_count;
    return e->adapter_uses;
}

HthStatus hth_job_adapters(HthJob *j, const HthJobCfg *c, HthErr *err) {
    const HthEngine *e = j->engine;
    if (c->adapter_count == 0) return HTH_OK;
    HTH_TRY(hth_adapter_set(&j->set, e->model, c->adapters, c->adapter_count, err));
    for (uint32_t k = 0; k < j->set.count; k++) {
        uint32_t i = 0;
        while (i < e->adapter_count && e->adapters[i] != j->set.use[k].parts) i++;
        HTH_REQUIRE(i < e->adapter_count, err, HTH_EINVAL,
                    "adapter %u is not one of those this model was loaded with", k);
    }
    return HTH_OK;
}

static bool same(const HthAdapterSet *a, const HthAdapterSet *b) {
    bool is = a->count == b->count;
    for (uint32_t i = 0; is && i < a->count; i++)
        is = a->use[i].parts == b->use[i].parts &&
             hth_f32_bits(a->use[i].scale) == hth_f32_bits(b->use[i].scale);
    return is;
}

uint64_t hth_engine_realm(HthEngine *e, const HthJob *j) {
    if (j->set.count == 0) return j->tenant;
    HthRealm *r = NULL, *oldest = &e->realms[0];
    for (uint32_t i = 0; i < HTH_REALMS && !r; i++) {
        HthRealm *at = &e->realms[i];
        if (at->id && at->tenant == j->tenant && same(&at->set, &j->set)) r = at;
        if (at->used < oldest->used) oldest = at;
    }
    if (!r) {
        r = oldest;
        if (r->id && e->prefix) hth_prefix_forget(e->prefix, r->id);
        if (++e->realm_last == 0) e->realm_last = 1;
        *r = (HthRealm){ .tenant = j->tenant, .id = e->realm_last, .set = j->set };
    }
    r->used = ++e->realm_time;
    return r->id;
}

const HthAdapterSet *const *hth_engine_sets(HthEngine *e, const HthWanted *w, uint32_t n) {
    bool any = false;
    if (e->adapter_count == 0) return NULL;
    for (uint32_t i = 0; i < n; i++) {
        const HthAdapterSet *set = &w[i].job->set;
        e->sets[i] = set->count > 0 ? set : NULL;
        any = any || set->count > 0;
    }
    return any ? e->sets : NULL;
}
