/* engine_embed.c - a text's vector: its rows pooled as the model says, of length one; or what a
 * model that ranks makes of the pooled row.
 *
 * Rows come in order of position, so the sum has one order however the text was cut into steps.
 *
 * Thread: engine. */
#include "sched/engine_int.h"

void hth_engine_embed(HthEngine *e, HthJob *j, uint32_t pos, const float *hidden) {
    HTH_ASSERT(e->pooling != HTH_POOL_MEAN || pos == j->seen); /* texts are not set back */
    j->seen = pos + 1;
    hth_pool_row(e->pooling, j->sum, hidden, e->n_embd, pos == 0);
}

void hth_engine_embedded(const HthEngine *e, HthJob *j) {
    if (j->kind == HTH_JOB_EMBED) {
        hth_pool_unit(j->sum, j->vector, e->n_embd);
        return;
    }
    hth_pool_mean(e->pooling, j->sum, j->seen, e->hidden, e->n_embd); /* its rows are read */
    const HthAdapterSet *set = j->set.count > 0 ? &j->set : NULL;
    hth_exec_head(e->exec, e->hidden, 1, &set, j->vector);
}
