/* adapter.c - see adapter.h.
 *
 * Thread: one owner while opening, immutable after. */
#include "model/adapter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/room.h"
#include "model/model_impl.h"

enum { NAME_MAX_LEN = 160, SHOWN = 64 };

struct HthAdapter {
    HthBuf bytes; /* what was made for the file, if it was */
    HthGguf *gguf; /* owned */
    HthArena *arena; /* owned: all below */
    HthAdapterPart *part; /* [prog->count] */
    HthAdapterParts parts;
    HthAdapterFacts facts;
};

typedef struct Binding { /* while it is opened */
    HthAdapter *a;
    const HthModel *m;
    const float **floats; /* [tensors] each A once, if several instructions share it */
    bool *used; /* [tensors] */
    size_t *need; /* bytes are counted here, and none taken; NULL: they are taken */
} Binding;

/* ---- the file's facts ----------------------------------------------------------------------- */

static HthStatus check_word(const HthGguf *g, const char *key, const char *want, HthErr *err) {
    HthStr is;
    HTH_TRY(hth_gguf_str(g, key, &is, err));
    HTH_REQUIRE(hth_str_eq(is, hth_str(want)), err, HTH_ENOTSUP,
                "the file's %s is not \"%s\"; hearth reads LoRA adapters as GGUF files", key, want);
    return HTH_OK;
}

static HthStatus check_head(Binding *b, HthErr *err) {
    const HthGguf *g = b->a->gguf;
    HthStr mine, its;
    HTH_REQUIRE(hth_gguf_find(g, "general.type") && hth_gguf_find(g, "adapter.type"), err,
                HTH_EFORMAT,
                "this GGUF file is no adapter: it says neither general.type nor adapter.type");
    HTH_TRY(check_word(g, "general.type", "adapter", err));
    HTH_TRY(check_word(g, "adapter.type", "lora", err));
    HTH_REQUIRE(!hth_gguf_find(g, "adapter.alora.invocation_tokens"), err, HTH_ENOTSUP,
                "this adapter wakes at certain tokens (aLoRA), which hearth cannot do");
    HTH_TRY(hth_gguf_str(g, "general.architecture", &its, err));
    HTH_TRY(hth_gguf_str(b->m->gguf, "general.architecture", &mine, err));
    HTH_REQUIRE(hth_str_eq(mine, its), err, HTH_EINVAL,
                "the adapter was made for another architecture than this model's, which is %s",
                b->m->arch->name);
    HTH_TRY(hth_gguf_f32(g, "adapter.lora.alpha", &b->a->facts.alpha, err));
    HTH_REQUIRE(isfinite(b->a->facts.alpha), err, HTH_EFORMAT,
                "adapter.lora.alpha is not a finite number");
    return HTH_OK;
}

/* ---- tensors -------------------------------------------------------------------------------- */

static void shown(char out[SHOWN], HthStr name) {
    size_t n = 0;
    for (; n < name.n && n < SHOWN - 1; n++)
        out[n] = name.p[n] > ' ' && name.p[n] < 127 ? name.p[n] : '?';
    out[n] = '\0';
}

/* The model's tensor that an instruction reads; where the output is the embedding's matrix it is
 * changed under its own name. False: nothing an adapter could change. */
static bool name_of(const Binding *b, const HthInst *in, char out[NAME_MAX_LEN]) {
    const HthModel *m = b->m;
    if (in->op != HTH_OP_LINEAR && in->op != HTH_OP_EMBED && in->op != HTH_OP_EXPERTS &&
        in->op != HTH_OP_EXPERTS_EACH)
        return false;
    const HthGgufTensor *t = m->tensors[in->w - m->weights];
    const bool tied = in->op != HTH_OP_EMBED && t == m->tensors[HTH_W_TOK_EMBD];
    const HthStr name = tied ? HTH_STR("output.weight") : t->name;
    return snprintf(out, NAME_MAX_LEN, "%.*s", HTH_STR_ARG(name)) < NAME_MAX_LEN - 8;
}

static const HthGgufTensor *find(const Binding *b, const char *name, const char *suffix) {
    char full[NAME_MAX_LEN + 8];
    snprintf(full, sizeof full, "%s%s", name, suffix);
    return hth_gguf_tensor(b->a->gguf, hth_str(full));
}

static size_t index_of(const Binding *b, const HthGgufTensor *t) {
    return (size_t)(t - hth_gguf_tensor_at(b->a->gguf, 0));
}

static HthStatus bad_shape(const char *name, const HthGgufTensor *lora, const uint64_t want[3],
                           HthErr *err) {
    char text[SHOWN];
    shown(text, hth_str(name));
    return HTH_FAIL(err, HTH_EFORMAT,
                    "%s: %s is %llu x %llu x %llu, and this model calls for %llu x %llu x %llu; "
                    "is the adapter for another model?",
                    text, hth_str_ends(lora->name, HTH_STR("_a")) ? "lora_a" : "lora_b",
                    (unsigned long long)lora->ne[0], (unsigned long long)lora->ne[1],
                    (unsigned long long)lora->ne[2], (unsigned long long)want[0],
                    (unsigned long long)want[1], (unsigned long long)want[2]);
}

static bool is_shape(const HthGgufTensor *t, const uint64_t want[3]) {
    return t->ne[0] == want[0] && t->ne[1] == want[1] && t->ne[2] == want[2] && t->ne[3] == 1;
}

/* Both against the whole tensor of the model, of which the instruction may read a part. */
static HthStatus check_shapes(const Binding *b, const HthInst *in, const char *name,
                              const HthGgufTensor *a, const HthGgufTensor *up, HthErr *err) {
    const HthGgufTensor *t = b->m->tensors[in->w - b->m->weights];
    const bool embed = in->op == HTH_OP_EMBED;
    const uint64_t rank = embed ? a->ne[0] : a->ne[1];
    const uint64_t want_a[3] = { embed ? rank : t->ne[0], embed ? t->ne[1] : rank, t->ne[2] };
    const uint64_t want_b[3] = { rank, embed ? t->ne[0] : t->ne[1], t->ne[2] };
    if (!is_shape(a, want_a)) return bad_shape(name, a, want_a, err);
    if (!is_shape(up, want_b)) return bad_shape(name, up, want_b, err);
    HTH_REQUIRE(rank >= 1 && rank <= HTH_ADAPTER_RANK_MAX, err, HTH_ELIMIT,
                "the adapter has rank %llu; hearth takes up to %d", (unsigned long long)rank,
                HTH_ADAPTER_RANK_MAX);
    return HTH_OK;
}

/* All of a tensor in floats, each a finite number. */
static HthStatus decode(Binding *b, const HthGgufTensor *t, float *out, HthErr *err) {
    const size_t n = (size_t)(t->ne[0] * t->ne[1] * t->ne[2]);
    char text[SHOWN];
    shown(text, t->name);
    HTH_REQUIRE(out, err, HTH_ENOMEM, "no memory for %s", text);
    HTH_REQUIRE(t->fmt->dequant, err, HTH_ENOTSUP,
                "%s is stored as %s, which hearth cannot compute with", text, t->fmt->name);
    t->fmt->dequant(t->data, out, n);
    for (size_t k = 0; k < n; k++)
        HTH_REQUIRE(isfinite(out[k]), err, HTH_EFORMAT, "%s: value %zu is not a finite number",
                    text, k);
    if (hth_gguf_part_map(b->a->gguf, t->part)->handle) hth_room_forget(t->data, t->bytes);
    b->used[index_of(b, t)] = true;
    return HTH_OK;
}

/* In place of decoding: the bytes of `floats`, as the arena takes them. */
static HthStatus count(Binding *b, const HthGgufTensor *t, size_t floats, HthErr *err) {
    enum { ALIGN = 16 };
    size_t bytes;
    const bool over = hth_mul_over(floats, sizeof(float), &bytes) ||
                      hth_add_over(bytes, ALIGN - 1, &bytes) ||
                      hth_add_over(*b->need, bytes / ALIGN * ALIGN, b->need);
    HTH_REQUIRE(!over, err, HTH_ELIMIT, "the adapter does not fit in memory");
    b->used[index_of(b, t)] = true;
    return HTH_OK;
}

/* A as it is; once for all instructions that read parts of one matrix. */
static HthStatus take_a(Binding *b, const HthGgufTensor *t, const float **out, HthErr *err) {
    const float **known = &b->floats[index_of(b, t)];
    if (b->need) {
        const size_t n = (size_t)(t->ne[0] * t->ne[1] * t->ne[2]);
        return b->used[index_of(b, t)] ? HTH_OK : count(b, t, n, err);
    }
    if (!*known) {
        float *v = hth_arena_take(b->a->arena, (size_t)(t->ne[0] * t->ne[1] * t->ne[2]), sizeof *v);
        HTH_TRY(decode(b, t, v, err));
        *known = v;
    }
    *out = *known;
    return HTH_OK;
}

/* Rows of B [rows][rank], of each matrix those that the instruction reads, as panels. */
static void to_panels(float *out, const float *b, const HthWeight *w, uint32_t outs,
                      uint32_t rows_all, uint32_t rank) {
    for (uint32_t e = 0; e < (w->count ? w->count : 1); e++) {
        const float *from = b + ((size_t)e * rows_all + w->first_row) * rank;
        float *panels = out + e * hth_adapter_panels(outs, rank);
        for (uint32_t r = 0; r < outs; r++)
            for (uint32_t j = 0; j < rank; j++)
                panels[((size_t)(r / HTH_PANEL_ROWS) * rank + j) * HTH_PANEL_ROWS +
                       r % HTH_PANEL_ROWS] = from[(size_t)r * rank + j];
    }
}

static HthStatus take_b(Binding *b, const HthGgufTensor *t, const HthInst *in, const float **out,
                        HthErr *err) {
    const HthWeight *w = in->w;
    const uint32_t rank = (uint32_t)t->ne[0], outs = in->op == HTH_OP_EMBED ? w->cols : w->rows;
    size_t n;
    HTH_REQUIRE(!hth_mul_over(hth_adapter_panels(outs, rank), w->count ? w->count : 1, &n), err,
                HTH_ELIMIT, "the adapter does not fit in memory");
    if (b->need) return count(b, t, n, err);
    float *panels = NULL, *rows = hth_calloc((size_t)(rank * t->ne[1] * t->ne[2]), sizeof *rows);
    HthStatus st = decode(b, t, rows, err);
    if (st == HTH_OK) panels = hth_arena_take(b->a->arena, n, sizeof *panels);
    if (st == HTH_OK && !panels) st = HTH_FAIL(err, HTH_ENOMEM, "no memory for an adapter");
    if (st == HTH_OK) to_panels(panels, rows, w, outs, (uint32_t)t->ne[1], rank);
    hth_free(rows);
    *out = panels;
    return st;
}

static HthStatus bind_inst(Binding *b, uint32_t i, HthErr *err) {
    const HthInst *in = &b->m->prog.inst[i];
    char name[NAME_MAX_LEN], text[SHOWN];
    HthAdapterPart part = { 0 };
    if (!name_of(b, in, name)) return HTH_OK;
    const HthGgufTensor *a = find(b, name, ".lora_a"), *up = find(b, name, ".lora_b");
    if (!a && !up) return HTH_OK;
    shown(text, hth_str(name));
    HTH_REQUIRE(a && up, err, HTH_EFORMAT, "%s: the adapter has %s, but not %s", text,
                a ? "lora_a" : "lora_b", a ? "lora_b" : "lora_a");
    HTH_TRY(check_shapes(b, in, name, a, up, err));
    HTH_TRY(take_a(b, a, &part.a, err));
    HTH_TRY(take_b(b, up, in, &part.b, err));
    part.rank = (uint32_t)up->ne[0];
    part.factor = b->a->facts.alpha != 0.0f ? b->a->facts.alpha / (float)part.rank : 1.0f;
    b->a->part[i] = part;
    HthAdapterFacts *f = &b->a->facts;
    if (f->matrices++ == 0 || part.rank < f->rank_min) f->rank_min = part.rank;
    if (part.rank > f->rank_max) f->rank_max = part.rank;
    return HTH_OK;
}

/* What no instruction has asked for would have no effect. */
static HthStatus check_rest(const Binding *b, HthErr *err) {
    const HthGguf *g = b->a->gguf;
    char text[SHOWN];
    for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
        if (b->used[i]) continue;
        const HthStr name = hth_gguf_tensor_at(g, i)->name;
        const size_t end = hth_str_find(name, HTH_STR(".lora_"));
        const bool there = hth_gguf_tensor(b->m->gguf, hth_str_sub(name, 0, end)) != NULL;
        shown(text, name);
        if (there)
            return HTH_FAIL(err, HTH_ENOTSUP,
                            "%s: hearth cannot adapt this tensor of the model, and the adapter "
                            "without it would be another one",
                            text);
        return HTH_FAIL(err, HTH_EINVAL,
                        "%s: this model has no such matrix; is the adapter for another model?",
                        text);
    }
    HTH_REQUIRE(b->a->facts.matrices > 0, err, HTH_EFORMAT, "the adapter has no matrices");
    return HTH_OK;
}

static HthStatus bind_all(Binding *b, HthErr *err) {
    const size_t tensors = hth_gguf_tensor_count(b->a->gguf);
    HTH_TRY(check_head(b, err));
    b->a->part = hth_arena_take(b->a->arena, b->m->prog.count, sizeof *b->a->part);
    b->floats = hth_calloc(tensors, sizeof *b->floats);
    b->used = hth_calloc(tensors, sizeof *b->used);
    HTH_REQUIRE(b->a->part && b->floats && b->used, err, HTH_ENOMEM, "no memory for an adapter");
    for (uint32_t i = 0; i < b->m->prog.count; i++) HTH_TRY(bind_inst(b, i, err));
    HTH_TRY(check_rest(b, err));
    if (!b->need) b->a->parts = (HthAdapterParts){ &b->m->prog, b->a->part };
    return HTH_OK;
}

/* Takes a->gguf as opened; what an earlier call counted begins anew. need as in Binding. */
static HthStatus build(HthAdapter *a, const HthModel *model, size_t *need, HthErr *err) {
    const size_t ceiling = (size_t)1 << 36; /* each tensor's floats; the file has its bytes */
    Binding b = { .a = a, .m = model, .need = need };
    hth_arena_close(&a->arena);
    a->facts = (HthAdapterFacts){ 0 };
    HTH_TRY(hth_arena_open(&a->arena, ceiling, err));
    const HthStatus st = bind_all(&b, err);
    hth_free(b.floats);
    hth_free(b.used);
    return st;
}

/* ---- open, close, ask ----------------------------------------------------------------------- */

static HthStatus opened(HthAdapter **out, HthAdapter *a, HthStatus st, const HthModel *model,
                        HthErr *err) {
    if (st == HTH_OK) st = build(a, model, NULL, err);
    if (st == HTH_OK)
        *out = a;
    else
        hth_adapter_close(&a);
    return st;
}

/* a->gguf: the file there, or what was made of what is there. */
static HthStatus open_file(HthAdapter *a, const HthModel *model, const char *path,
                           HthAdapterMake *make, HthErr *err) {
    bool made = false;
    hth_buf_init(&a->bytes, HTH_ADAPTER_FILE_MAX);
    if (make) HTH_TRY(make(&a->bytes, model, path, &made, err));
    return made ? hth_gguf_open_mem(&a->gguf, a->bytes.p, a->bytes.n, path, err)
                : hth_gguf_open(&a->gguf, path, err);
}

HthStatus hth_adapter_open_made(HthAdapter **out, const HthModel *model, const char *path,
                                HthAdapterMake *make, HthErr *err) {
    HthAdapter *a = hth_calloc(1, sizeof *a);
    HTH_REQUIRE(a, err, HTH_ENOMEM, "no memory for an adapter");
    return opened(out, a, open_file(a, model, path, make, err), model, err);
}

HthStatus hth_adapter_open(HthAdapter **out, const HthModel *model, const char *path, HthErr *err) {
    return hth_adapter_open_made(out, model, path, NULL, err);
}

HthStatus hth_adapter_open_mem(HthAdapter **out, const HthModel *model, const void *data, size_t n,
                               const char *what, HthErr *err) {
    HthAdapter *a = hth_calloc(1, sizeof *a);
    HTH_REQUIRE(a, err, HTH_ENOMEM, "no memory for an adapter");
    return opened(out, a, hth_gguf_open_mem(&a->gguf, data, n, what, err), model, err);
}

HthStatus hth_adapter_begin(HthAdapter **out, size_t *need, const HthModel *model, const char *path,
                            HthAdapterMake *make, HthErr *err) {
    size_t more = 0;
    HthAdapter *a = hth_calloc(1, sizeof *a);
    HTH_REQUIRE(a, err, HTH_ENOMEM, "no memory for an adapter");
    HthStatus st = open_file(a, model, path, make, err);
    if (st == HTH_OK) st = build(a, model, &more, err);
    if (st == HTH_OK) {
        *need = more + hth_adapter_bytes(a); /* the list of parts is there */
        *out = a;
    } else {
        hth_adapter_close(&a);
    }
    return st;
}

HthStatus hth_adapter_finish(HthAdapter *a, const HthModel *model, HthErr *err) {
    return build(a, model, NULL, err);
}

void hth_adapter_close(HthAdapter **adapter) {
    HthAdapter *a = *adapter;
    if (!a) return;
    hth_arena_close(&a->arena);
    hth_gguf_close(&a->gguf);
    hth_buf_drop(&a->bytes);
    hth_free(a);
    *adapter = NULL;
}

const HthAdapterParts *hth_adapter_parts(const HthAdapter *a) {
    return &a->parts;
}

const HthGguf *hth_adapter_gguf(const HthAdapter *a) {
    return a->gguf;
}

size_t hth_adapter_bytes(const HthAdapter *a) {
    return hth_arena_used(a->arena) + a->bytes.n;
}

HthAdapterFacts hth_adapter_facts(const HthAdapter *a) {
    return a->facts;
}

HthStatus hth_adapter_set(HthAdapterSet *out, const HthModel *model, const HthAdapterUse *uses,
                          uint32_t count, HthErr *err) {
    HthAdapterSet set = { 0 };
    HTH_REQUIRE(count <= HTH_ADAPTERS_MAX, err, HTH_ELIMIT, "%u adapters; the most is %d", count,
                HTH_ADAPTERS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const HthAdapterParts *parts = hth_adapter_parts(uses[i].adapter);
        HTH_REQUIRE(parts->prog == &model->prog, err, HTH_EINVAL,
                    "adapter %u was opened for another model", i);
        HTH_REQUIRE(isfinite(uses[i].scale), err, HTH_EINVAL,
                    "the scale of adapter %u is not a finite number", i);
        for (uint32_t k = 0; k < i; k++)
            HTH_REQUIRE(uses[k].adapter != uses[i].adapter, err, HTH_EINVAL,
                        "adapter %u is named twice", i);
        if (uses[i].scale == 0.0f) continue;
        set.use[set.count].parts = parts;
        set.use[set.count++].scale = uses[i].scale;
    }
    *out = set;
    return HTH_OK;
}

void hth_adapter_cost(const HthModel *model, const HthAdapterUse *uses, uint32_t count,
                      size_t *bytes, size_t *width) {
    const HthAdapterParts *all[HTH_ADAPTERS_MAX];
    *bytes = 0;
    HTH_ASSERT(count <= HTH_ADAPTERS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        all[i] = hth_adapter_parts(uses[i].adapter);
        *bytes += hth_adapter_bytes(uses[i].adapter);
    }
    *width = hth_adapters_width(&model->prog, all, count);
}
