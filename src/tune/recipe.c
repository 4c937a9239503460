/* recipe.c - reading and checking a recipe. See recipe.h. */
#include "tune/recipe.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

enum { RECIPE_BYTES_MAX = 1 << 20 };

typedef enum FieldType { F_U32, F_F32, F_F64, F_U64, F_STR } FieldType;

/* A key of an object and where its value goes. */
typedef struct Field {
    const char *key;
    FieldType type;
    size_t at;
    double min, max; /* numbers only */
} Field;

#define SHAPE(name, lo, hi)                                                                        \
    { #name, F_U32, offsetof(HthShape, name), lo, hi }
#define OPTIM(name, type, lo, hi)                                                                  \
    { #name, type, offsetof(HthOptim, name), lo, hi }
#define TOP(name, type)                                                                            \
    { #name, type, offsetof(HthRecipe, name), 0, 0x1p53 }

static const Field TOP_FIELDS[] = {
    TOP(name, F_STR),    TOP(arch, F_STR), TOP(description, F_STR),
    TOP(license, F_STR), TOP(seed, F_U64),
};
static const Field SHAPE_FIELDS[] = {
    SHAPE(n_vocab, 260, 8192),
    SHAPE(n_layer, 1, 256),
    SHAPE(n_embd, 32, 8192),
    SHAPE(n_head, 1, 256),
    SHAPE(n_head_kv, 1, 256),
    SHAPE(n_ff, 32, 65536),
    SHAPE(n_ctx_train, 16, 8192),
    { "rope_base", F_F32, offsetof(HthShape, rope_base), 1, 1e8 },
    { "norm_eps", F_F32, offsetof(HthShape, norm_eps), 1e-9, 1e-2 },
};
static const Field OPTIM_FIELDS[] = {
    OPTIM(steps, F_U32, 1, 1e9),
    OPTIM(warmup, F_U32, 0, 1e9),
    OPTIM(batch_tokens, F_U32, 16, 1e8),
    OPTIM(rows, F_U32, 16, 65536),
    OPTIM(lr, F_F32, 0, 10),
    OPTIM(lr_end, F_F32, 0, 10),
    OPTIM(beta1, F_F32, 0, 0.99999),
    OPTIM(beta2, F_F32, 0, 0.99999),
    OPTIM(eps, F_F32, 1e-12, 1),
    OPTIM(decay, F_F32, 0, 1),
    OPTIM(clip, F_F32, 1e-6, 1e6),
};
static const char *const FORMS[] = { [HTH_DOC_TEXT] = "text",
                                     [HTH_DOC_DIALOGUE] = "dialogue",
                                     [HTH_DOC_CHAT] = "chat",
                                     [HTH_DOC_PAIRS] = "pairs" };

static HthStatus read_field(const json_t *v, const Field *f, void *to, const char *where,
                            HthErr *err) {
    char *at = (char *)to + f->at;
    if (f->type == F_STR) {
        HTH_REQUIRE(json_is_string(v), err, HTH_EFORMAT, "recipe: %s.%s must be a string", where,
                    f->key);
        const char *s = json_string_value(v);
        memcpy(at, &s, sizeof s);
        return HTH_OK;
    }
    HTH_REQUIRE(json_is_number(v), err, HTH_EFORMAT, "recipe: %s.%s must be a number", where,
                f->key);
    const double d = json_number_value(v);
    HTH_REQUIRE(d >= f->min && d <= f->max, err, HTH_EFORMAT,
                "recipe: %s.%s is out of range (%g to %g)", where, f->key, f->min, f->max);
    const bool whole = f->type == F_U32 || f->type == F_U64;
    HTH_REQUIRE(!whole || d == floor(d), err, HTH_EFORMAT, "recipe: %s.%s must be a whole number",
                where, f->key);
    if (f->type == F_U32) memcpy(at, &(uint32_t){ (uint32_t)d }, sizeof(uint32_t));
    if (f->type == F_U64) memcpy(at, &(uint64_t){ (uint64_t)d }, sizeof(uint64_t));
    if (f->type == F_F32) memcpy(at, &(float){ (float)d }, sizeof(float));
    if (f->type == F_F64) memcpy(at, &d, sizeof d);
    return HTH_OK;
}

/* All fields must be there; other keys only when listed in `also` (ends with NULL). */
static HthStatus read_object(const json_t *o, const Field *fields, size_t n,
                             const char *const *also, void *to, const char *where, HthErr *err) {
    HTH_REQUIRE(json_is_object(o), err, HTH_EFORMAT, "recipe: %s must be an object", where);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_object_get(o, fields[i].key);
        HTH_REQUIRE(v, err, HTH_EFORMAT, "recipe: %s.%s is missing", where, fields[i].key);
        HTH_TRY(read_field(v, &fields[i], to, where, err));
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)o, key, value) {
        bool known = false;
        for (size_t i = 0; i < n && !known; i++) known = !strcmp(key, fields[i].key);
        for (const char *const *a = also; !known && *a; a++) known = !strcmp(key, *a);
        HTH_REQUIRE(known, err, HTH_EFORMAT, "recipe: %s has a key that means nothing: %.40s",
                    where, key);
    }
    return HTH_OK;
}

static HthStatus read_source(HthRecipe *r, const char *name, const json_t *o, HthErr *err) {
    HTH_REQUIRE(r->source_count < HTH_SOURCES_MAX, err, HTH_ELIMIT, "recipe: more than %d sources",
                HTH_SOURCES_MAX);
    HthSource *s = &r->sources[r->source_count++];
    static const Field fields[] = { { "files", F_STR, offsetof(HthSource, files), 0, 0 },
                                    { "bytes_max", F_U32, offsetof(HthSource, bytes_max), 16,
                                      1e9 } };
    static const char *const also[] = { "form", NULL };
    s->name = name;
    HTH_TRY(read_object(o, fields, HTH_COUNT(fields), also, s, name, err));
    const char *form = json_string_value(json_object_get(o, "form"));
    for (size_t i = 0; form && i < HTH_COUNT(FORMS); i++) {
        if (strcmp(form, FORMS[i])) continue;
        s->form = (HthDocForm)i;
        return HTH_OK;
    }
    return HTH_FAIL(err, HTH_EFORMAT, "recipe: %s.form must be text, dialogue, chat or pairs",
                    name);
}

static HthStatus read_phase(HthRecipe *r, const json_t *o, HthErr *err) {
    HTH_REQUIRE(r->phase_count < HTH_PHASES_MAX, err, HTH_ELIMIT, "recipe: more than %d phases",
                HTH_PHASES_MAX);
    HthPhase *p = &r->phases[r->phase_count++];
    static const Field fields[] = { { "name", F_STR, offsetof(HthPhase, name), 0, 0 },
                                    { "seq", F_U32, offsetof(HthPhase, seq), 16, 8192 },
                                    { "share", F_F64, offsetof(HthPhase, share), 0, 1 } };
    static const char *const also[] = { "mix", NULL };
    HTH_TRY(read_object(o, fields, HTH_COUNT(fields), also, p, "phases", err));
    json_t *mix = json_object_get(o, "mix");
    HTH_REQUIRE(json_is_object(mix), err, HTH_EFORMAT, "recipe: phase %s needs a mix", p->name);
    const char *key;
    json_t *value;
    json_object_foreach(mix, key, value) {
        uint32_t i = 0;
        while (i < r->source_count && strcmp(key, r->sources[i].name)) i++;
        HTH_REQUIRE(i < r->source_count, err, HTH_EFORMAT,
                    "recipe: phase %s mixes %.40s, which is no source", p->name, key);
        p->mix[i] = json_number_value(value);
        HTH_REQUIRE(json_is_number(value) && p->mix[i] >= 0 && p->mix[i] <= 1000, err, HTH_EFORMAT,
                    "recipe: the share of %.40s must be a number up to 1000", key);
    }
    return HTH_OK;
}

static HthStatus read_lists(HthRecipe *r, HthErr *err) {
    const char *key;
    json_t *value;
    json_t *sources = json_object_get(r->json, "sources"),
           *phases = json_object_get(r->json, "phases");
    HTH_REQUIRE(json_is_object(sources) && json_is_array(phases) && json_array_size(phases), err,
                HTH_EFORMAT, "recipe: sources must be an object and phases a list");
    json_object_foreach(sources, key, value) HTH_TRY(read_source(r, key, value, err));
    size_t i;
    double share = 0;
    json_array_foreach(phases, i, value) {
        HTH_TRY(read_phase(r, value, err));
        share += r->phases[i].share;
    }
    HTH_REQUIRE(fabs(share - 1) < 1e-9, err, HTH_EFORMAT,
                "recipe: the phases' shares add up to %g, not 1", share);
    r->drop = json_object_get(r->json, "drop");
    HTH_REQUIRE(!r->drop || json_is_array(r->drop), err, HTH_EFORMAT,
                "recipe: drop must be a list");
    return HTH_OK;
}

/* Optional: numbers that go into the model file as general.sampling.*. */
static HthStatus read_sampling(HthRecipe *r, HthErr *err) {
    const char *key;
    json_t *value;
    r->sampling = json_object_get(r->json, "sampling");
    HTH_REQUIRE(!r->sampling || json_is_object(r->sampling), err, HTH_EFORMAT,
                "recipe: sampling must be an object of numbers");
    json_object_foreach(r->sampling, key, value) HTH_REQUIRE(
        json_is_number(value), err, HTH_EFORMAT, "recipe: sampling.%.40s is no number", key);
    return HTH_OK;
}

static HthStatus check(HthRecipe *r, HthErr *err) {
    HthShape *s = &r->shape;
    const HthOptim *o = &r->optim;
    HTH_REQUIRE(s->n_embd % s->n_head == 0 && s->n_head % s->n_head_kv == 0, err, HTH_EFORMAT,
                "recipe: n_embd must divide by n_head, and n_head by n_head_kv");
    s->head_dim = s->head_dim_v = s->n_rot = s->n_embd / s->n_head;
    s->n_pair = s->n_rot / 2;
    s->one = 1;
    s->rope_factor = s->rope_attn_factor = 1;
    HTH_REQUIRE(
        s->head_dim % 16 == 0 && s->n_embd % 32 == 0 && s->n_ff % 32 == 0 && s->n_vocab % 32 == 0,
        err, HTH_EFORMAT, "recipe: heads must be multiples of 16 wide, rows and vocabulary of 32");
    HTH_REQUIRE(o->batch_tokens % o->rows == 0, err, HTH_EFORMAT,
                "recipe: batch_tokens must be a multiple of rows");
    for (uint32_t i = 0; i < r->phase_count; i++)
        HTH_REQUIRE(o->rows % r->phases[i].seq == 0 && r->phases[i].seq <= s->n_ctx_train, err,
                    HTH_EFORMAT, "recipe: phase %s: seq must divide rows and fit n_ctx_train",
                    r->phases[i].name);
    return HTH_OK;
}

static HthStatus read_recipe(HthRecipe *r, const char *path, HthErr *err) {
    static const char *const also[] = { "shape", "train",    "sources", "phases",
                                        "drop",  "sampling", NULL };
    static const char *const none[] = { NULL };
    HthBuf text;
    hth_buf_init(&text, RECIPE_BYTES_MAX);
    HthStatus status = hth_file_read(&text, path, err);
    if (status == HTH_OK)
        status = hth_json_parse(&r->json, hth_buf_str(&text), RECIPE_BYTES_MAX, err);
    hth_buf_drop(&text);
    HTH_TRY(status);
    HTH_TRY(read_object(r->json, TOP_FIELDS, HTH_COUNT(TOP_FIELDS), also, r, "recipe", err));
    HTH_TRY(read_object(json_object_get(r->json, "shape"), SHAPE_FIELDS, HTH_COUNT(SHAPE_FIELDS),
                        none, &r->shape, "shape", err));
    HTH_TRY(read_object(json_object_get(r->json, "train"), OPTIM_FIELDS, HTH_COUNT(OPTIM_FIELDS),
                        none, &r->optim, "train", err));
    HTH_TRY(read_lists(r, err));
    HTH_TRY(read_sampling(r, err));
    HTH_TRY(check(r, err));
    const char *slash = strrchr(path, '/');
    char *dir = hth_strdup(slash ? path : ".");
    HTH_REQUIRE(dir, err, HTH_ENOMEM, "no memory for the recipe");
    if (slash) dir[slash - path] = 0;
    r->dir = dir;
    return HTH_OK;
}

HthStatus hth_recipe_open(HthRecipe **out, const char *path, HthErr *err) {
    HthRecipe *r = hth_calloc(1, sizeof *r);
    HTH_REQUIRE(r, err, HTH_ENOMEM, "no memory for the recipe");
    HthStatus status = read_recipe(r, path, err);
    if (status != HTH_OK) {
        hth_recipe_close(&r);
        return status;
    }
    *out = r;
    return HTH_OK;
}

void hth_recipe_close(HthRecipe **r) {
    if (!*r) return;
    json_decref((*r)->json);
    char *dir;
    memcpy(&dir, &(*r)->dir, sizeof dir);
    hth_free(dir);
    hth_free(*r);
    *r = NULL;
}

static uint64_t mix_bytes(uint64_t h, const void *p, size_t n) {
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++) h = (h ^ b[i]) * 0x100000001b3u;
    return h;
}

uint64_t hth_recipe_digest(const HthRecipe *r) {
    HthOptim o = r->optim;
    o.steps = 0; /* how long is decided last */
    uint64_t h = mix_bytes(0xcbf29ce484222325u, &r->seed, sizeof r->seed);
    h = mix_bytes(h, &r->shape, sizeof r->shape);
    h = mix_bytes(h, &o, sizeof o);
    for (uint32_t i = 0; i < r->phase_count; i++)
        h = mix_bytes(h, &r->phases[i].seq, sizeof r->phases[i].seq);
    return h;
}
