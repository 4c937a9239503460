/* route.h - which experts a token goes to, and with what weights (docs/adr/0040-experts.md).
 *
 * Plain C for every tier: there are few scores, and every machine must choose alike.
 *
 * Thread: any. */
#ifndef HTH_KERN_ROUTE_H
#define HTH_KERN_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How scores become weights; the numbers are those of GGUF's expert_gating_func. */
typedef enum HthExpertsBy {
    HTH_EXPERTS_NONE, /* no experts */
    HTH_EXPERTS_BY_SOFTMAX, /* over all experts, then the best are chosen */
    HTH_EXPERTS_BY_SIGMOID, /* of each, then the best are chosen */
    HTH_EXPERTS_BY_CHOSEN, /* the best are chosen, then softmax over those */
    HTH_EXPERTS_BYS
} HthExpertsBy;

typedef struct HthRouter {
    uint32_t n_expert, n_used; /* 1 <= n_used <= n_expert; 0 and 0: no experts */
    uint32_t gate; /* HthExpertsBy */
    bool by_score; /* sigmoid: the best scores are chosen, also where their weights are the same */
    bool norm; /* the weights of the chosen are divided by their sum */
    float scale; /* then times this; 0: not */
    uint32_t groups, groups_used; /* choose among the experts of the best groups; 1: of all */
} HthRouter;

/* Floats of hth_route's work. */
size_t hth_route_work(const HthRouter *r);

/* scores[n_expert] of one token; bias[n_expert], added for the choice alone, or NULL.
 * Fills ids[n_used], best first, and weights[n_used].  Equal scores: the lower index first.  A NaN
 * comes before every number, so that it is never hidden. */
void hth_route(const HthRouter *r, const float *scores, const float *bias, float *work,
               uint32_t *ids, float *weights);

/* 1 / (1 + exp(-x)). */
float hth_sigmoid(float x);

#endif
