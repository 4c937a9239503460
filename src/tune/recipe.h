/* recipe.h - one file says all a training needs: shape, tokenizer, sources, phases, optimiser.
 *
 * JSON; every key is checked, an unknown key is an error that names it.  models/ember/recipe.json
 * is the example, docs/howto/train-ember.md explains it.
 *
 * Thread: immutable after open. */
#ifndef HTH_TUNE_RECIPE_H
#define HTH_TUNE_RECIPE_H

#include "base/json.h"
#include "model/arch.h"

enum { HTH_PHASES_MAX = 4, HTH_SOURCES_MAX = 48 };

/* How a source's files become documents. */
typedef enum HthDocForm {
    HTH_DOC_TEXT, /* one paragraph per line, a blank line ends a document */
    HTH_DOC_DIALOGUE, /* the same with lines "Speaker: words"; becomes a chat */
    HTH_DOC_CHAT, /* JSONL: {instruction, input, output} or {messages: [{role, content}]} */
    HTH_DOC_PAIRS, /* TSV: question, answer */
} HthDocForm;

typedef struct HthSource {
    const char *name;
    const char *files; /* a glob below the corpus folder, or below the recipe's with "./" */
    HthDocForm form;
    uint32_t bytes_max; /* longer documents are cut at a paragraph (text) or left out (chats) */
} HthSource;

typedef struct HthPhase {
    const char *name;
    uint32_t seq; /* tokens per sequence */
    double share; /* of the steps */
    double mix[HTH_SOURCES_MAX]; /* copies of each source; a fraction keeps that part of it */
} HthPhase;

typedef struct HthOptim {
    uint32_t steps, warmup;
    uint32_t batch_tokens; /* per step */
    uint32_t rows; /* tokens per forward pass; divides batch_tokens */
    float lr, lr_end, beta1, beta2, eps, decay, clip;
} HthOptim;

typedef struct HthRecipe {
    json_t *json; /* owned; names and globs point into it */
    const char *dir; /* where the recipe lies, owned */
    const char *name, *arch, *description, *license;
    uint64_t seed;
    HthShape shape; /* n_vocab included */
    HthSource sources[HTH_SOURCES_MAX];
    uint32_t source_count;
    HthPhase phases[HTH_PHASES_MAX];
    uint32_t phase_count;
    const json_t *drop; /* documents with one of these strings are left out; may be NULL */
    json_t *sampling; /* advice for the model file; may be NULL */
    HthOptim optim;
} HthRecipe;

HTH_MUST_CHECK HthStatus hth_recipe_open(HthRecipe **out, const char *path, HthErr *err);
void hth_recipe_close(HthRecipe **r);
/* Differs when a checkpoint of one recipe makes no sense for the other. The number of steps and the
 * phases' shares are left out: a run may be made shorter or longer while it is under way (its log
 * says where), and goes on along the new schedule. */
uint64_t hth_recipe_digest(const HthRecipe *r);

#endif
