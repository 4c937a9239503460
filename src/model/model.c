/* model.c - see model.h.
 *
 * Thread: immutable after open; any. */
#include "model/model.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/room.h"
#include "model/model_impl.h"

static size_t alike(HthStr name, const char *other) {
    size_t n = 0;
    while (n < name.n && other[n] && name.p[n] == other[n]) n++;
    return n;
}

/* The known architecture whose name begins most alike, if that says anything; of several one as
 * long as it, and of those the last in the list. */
static const char *nearest(HthStr name) {
    enum { LEAST = 4 };
    const char *best = NULL;
    size_t most = LEAST, least_off = SIZE_MAX;
    for (size_t i = 0; hth_arch_at(i); i++) {
        const char *a = hth_arch_at(i)->name;
        const size_t n = alike(name, a), len = strlen(a);
        const size_t off = len < name.n ? name.n - len : len - name.n;
        if (n < most || (n == most && off > least_off)) continue;
        most = n;
        least_off = off;
        best = a;
    }
    return best;
}

/* One name may stand for models with experts and without. */
static void with_experts(HthModel *m) {
    char key[64];
    uint32_t count = 0;
    snprintf(key, sizeof key, "%s.expert_count", m->arch->name);
    if (m->arch->experts && hth_gguf_u32(m->gguf, key, &count, NULL) == HTH_OK && count > 0)
        m->arch = m->arch->experts;
}

/* The first names of the list that fit, and how many more there are. */
static void list_known(char *out, size_t size) {
    size_t n = 0, i = 0;
    enum { TAIL = 24 };
    for (; hth_arch_at(i); i++) {
        const int len = snprintf(out + n, size - n, "%s%s", i ? ", " : "", hth_arch_at(i)->name);
        if (n + (size_t)len + TAIL > size) break;
        n += (size_t)len;
    }
    size_t more = 0;
    while (hth_arch_at(i + more)) more++;
    out[n] = 0;
    if (more) snprintf(out + n, size - n, " and %zu others", more);
}

static HthStatus find_arch(HthModel *m, HthErr *err) {
    HthStr name;
    HTH_REQUIRE(!hth_gguf_find(m->gguf, "adapter.type"), err, HTH_EINVAL,
                "this file is an adapter; open the model it was made for, and it with --lora");
    HTH_TRY(hth_gguf_str(m->gguf, "general.architecture", &name, err));
    char known[128], shown[33] = "";
    for (size_t i = 0; hth_arch_at(i); i++) {
        if (!hth_str_eq(name, hth_str(hth_arch_at(i)->name))) continue;
        m->arch = hth_arch_at(i);
        with_experts(m);
        return HTH_OK;
    }
    list_known(known, sizeof known);
    for (size_t i = 0; i < name.n && i < sizeof shown - 1; i++)
        shown[i] = name.p[i] > ' ' && name.p[i] < 127 ? name.p[i] : '?';
    const char *near = nearest(name);
    return HTH_FAIL(err, HTH_ENOTSUP,
                    "hearth does not know the architecture %s%s%s; of all it runs %s", shown,
                    near ? "; the nearest it runs is " : "", near ? near : "", known);
}

/* A model computes without its tokenizer; whoever needs text asks hth_model_vocab_status(). */
static HthStatus open_vocab(HthModel *m, HthErr *err) {
    if (!hth_vocab_present(m->gguf)) {
        (void)HTH_FAIL(&m->vocab_err, HTH_EFORMAT, "the file has no tokenizer");
        return HTH_OK;
    }
    HthStatus st = hth_vocab_open(&m->vocab, m->gguf, &m->vocab_err);
    if (st == HTH_ENOTSUP) return HTH_OK;
    if (st != HTH_OK) {
        if (err) *err = m->vocab_err;
        return st;
    }
    HTH_REQUIRE(hth_vocab_count(m->vocab) == m->shape.n_vocab, err, HTH_EFORMAT,
                "the tokenizer has %u tokens, the embedding %u", hth_vocab_count(m->vocab),
                m->shape.n_vocab);
    return HTH_OK;
}

static HthStatus list_files(HthModel *m, HthErr *err) {
    const uint32_t parts = hth_gguf_part_count(m->gguf);
    m->files = hth_arena_take(m->arena, (size_t)parts + 2, sizeof *m->files);
    HTH_REQUIRE(m->files, err, HTH_ENOMEM, "no memory to bind the model");
    for (uint32_t i = 0; i < parts; i++) m->files[i] = hth_gguf_part_map(m->gguf, i);
    if (m->panels.handle) m->files[parts] = &m->panels;
    return HTH_OK;
}

/* before: the heap when opening began. The vectors' rows in the file stay counted as weights. */
static void weigh(HthModel *m, int64_t before) {
    size_t tensors = 0;
    const int64_t heap = hth_mem_mine() - before;
    for (size_t i = 0; i < hth_gguf_tensor_count(m->gguf); i++)
        tensors += hth_gguf_tensor_at(m->gguf, i)->bytes;
    const size_t file = hth_gguf_file_bytes(m->gguf);
    m->table_bytes = (heap > 0 ? (size_t)heap : 0) + (file > tensors ? file - tensors : 0);
}

/* Takes m->gguf as opened; m is the caller's to close. path: of the file the model is mapped from;
 * NULL: it is in memory. */
static HthStatus build(HthModel *m, const char *path, HthErr *err) {
    enum { ARENA_MAX = 1 << 30 }; /* tables and vectors; matrices stay in the file */
    HTH_TRY(find_arch(m, err));
    HTH_TRY(hth_shape_read(&m->shape, m->gguf, m->arch, err));
    HTH_TRY(hth_arena_open(&m->arena, ARENA_MAX, err));
    HTH_TRY(hth_model_bind(m, err));
    bool packed = false;
    if (path) HTH_TRY(hth_model_panels_open(m, path, &packed, err));
    if (!packed) HTH_TRY(hth_model_pack(m, path != NULL, err));
    if (path && !m->room) HTH_TRY(list_files(m, err));
    HTH_TRY(hth_model_lower(m, err));
    return open_vocab(m, err);
}

HthStatus hth_model_open(HthModel **out, const char *path, HthErr *err) {
    const int64_t before = hth_mem_mine();
    HthModel *m = hth_calloc(1, sizeof *m);
    HTH_REQUIRE(m, err, HTH_ENOMEM, "no memory for the model");
    HthStatus st = hth_gguf_open(&m->gguf, path, err);
    if (st == HTH_OK) st = build(m, path, err);
    if (st == HTH_OK) {
        weigh(m, before);
        *out = m;
    } else {
        hth_model_close(&m);
    }
    return st;
}

HthStatus hth_model_open_mem(HthModel **out, const void *data, size_t n, const char *what,
                             HthErr *err) {
    const int64_t before = hth_mem_mine();
    HthModel *m = hth_calloc(1, sizeof *m);
    HTH_REQUIRE(m, err, HTH_ENOMEM, "no memory for the model");
    HthStatus st = hth_gguf_open_mem(&m->gguf, data, n, what, err);
    if (st == HTH_OK) st = build(m, NULL, err);
    if (st == HTH_OK) {
        weigh(m, before);
        *out = m;
    } else {
        hth_model_close(&m);
    }
    return st;
}

/* A matrix whose rows are read while the model runs; panels that came with a file replace them. */
static bool reads_rows(const HthWeight *w) {
    return w->fmt && !(w->packed && !w->packed->room);
}

static size_t matrix_bytes(const HthWeight *w) {
    return w->row_bytes * w->rows * (w->count ? w->count : 1);
}

/* From its first byte to its last; matrices of others may lie between. */
static size_t span_of(const HthWeight *w) {
    return w->row_bytes * w->rows + (w->count ? (w->count - 1) * w->step : 0);
}

HthStatus hth_model_lock(HthModel *m, HthErr *err) {
    const size_t slots = (size_t)m->shape.n_layer * HTH_W_COUNT;
    const uint64_t available = hth_room_available();
    uint64_t all = m->panels.n + m->room_bytes;
    for (size_t i = 0; i < slots; i++)
        if (reads_rows(&m->weights[i])) all += matrix_bytes(&m->weights[i]);
    HTH_REQUIRE(
        all <= available || available == 0, err, HTH_EDENIED,
        "cannot keep %llu MiB in memory: %llu MiB are to be had; make room, raise the memory "
        "limit of this process's control group, or leave --lock out",
        (unsigned long long)all >> 20, (unsigned long long)available >> 20);
    for (size_t i = 0; i < slots; i++) {
        const HthWeight *w = &m->weights[i];
        if (reads_rows(w)) HTH_TRY(hth_room_keep(w->data, span_of(w), all, err));
    }
    HTH_TRY(hth_room_keep(m->panels.data, m->panels.n, all, err));
    if (m->room) HTH_TRY(hth_room_keep_later(m->room, m->room_bytes, all, err));
    m->files = NULL;
    return HTH_OK;
}

void hth_model_close(HthModel **model) {
    HthModel *m = *model;
    if (!m) return;
    hth_vocab_close(&m->vocab);
    hth_file_unmap(&m->panels);
    hth_pages_give(m->room, m->room_bytes, 1);
    hth_arena_close(&m->arena);
    hth_gguf_close(&m->gguf);
    hth_free(m);
    *model = NULL;
}

uint32_t hth_model_vocab_count(const HthModel *m) {
    return m->shape.n_vocab;
}

uint32_t hth_model_ctx_train(const HthModel *m) {
    return m->shape.n_ctx_train;
}

const HthVocab *hth_model_vocab(const HthModel *m) {
    return m->vocab;
}

HthStatus hth_model_vocab_status(const HthModel *m, HthErr *err) {
    if (m->vocab) return HTH_OK;
    if (err) *err = m->vocab_err;
    return m->vocab_err.status;
}

const HthGguf *hth_model_gguf(const HthModel *m) {
    return m->gguf;
}

const HthArch *hth_model_arch(const HthModel *m) {
    return m->arch;
}

const HthShape *hth_model_shape(const HthModel *m) {
    return &m->shape;
}

const HthProgram *hth_model_program(const HthModel *m) {
    return &m->prog;
}

const HthGgufTensor *hth_model_weight(const HthModel *m, HthSlot slot, uint32_t layer) {
    HTH_ASSERT((unsigned)slot < HTH_W_COUNT && layer < m->shape.n_layer);
    if (!hth_slot_in_layers(m->arch, slot)) layer = 0;
    return m->tensors[(size_t)layer * HTH_W_COUNT + slot];
}

HthStatus hth_model_speaks(const HthModel *m, HthErr *err) {
    HTH_REQUIRE(m->shape.pooling != HTH_POOL_RANK, err, HTH_ENOTSUP,
                "this %s model ranks texts and has no next words; ask the server's /v1/rerank",
                m->arch->name);
    HTH_REQUIRE(!m->shape.whole, err, HTH_ENOTSUP,
                "this %s model is an encoder and has no next words; ask the server's "
                "/v1/embeddings or /api/embed",
                m->arch->name);
    return HTH_OK;
}

bool hth_model_is_float(const HthModel *m) {
    for (uint32_t i = 0; i < m->prog.count; i++) {
        const HthInst *in = &m->prog.inst[i];
        const bool product = in->w && in->w->fmt && in->op != HTH_OP_EMBED &&
                             in->op != HTH_OP_PLACE && in->op != HTH_OP_TYPE;
        if (product && in->dst != HTH_R_LOGITS && in->w->fmt->act != HTH_ACT_F32) return false;
    }
    return true;
}

static bool bound(const HthModel *m, const HthGgufTensor *t, uint32_t layer) {
    for (uint32_t s = 0; s < HTH_W_COUNT; s++)
        if (m->tensors[(size_t)layer * HTH_W_COUNT + s] == t) return true;
    return false;
}

bool hth_model_uses(const HthModel *m, const HthGgufTensor *t) {
    for (uint32_t layer = 0; layer < m->shape.n_layer; layer++)
        if (bound(m, t, layer)) return true;
    return false;
}

const HthFileMap *const *hth_model_files(const HthModel *m) {
    return m->files;
}

size_t hth_model_pack_bytes(const HthModel *m) {
    return m->room_bytes;
}

static const char *const class_names[HTH_WEIGHTS_COUNT] = {
    [HTH_WEIGHTS_EMBED] = "embedding",      [HTH_WEIGHTS_ATTEND] = "attention",
    [HTH_WEIGHTS_FORWARD] = "feed-forward", [HTH_WEIGHTS_EXPERT] = "experts",
    [HTH_WEIGHTS_OUTPUT] = "output",        [HTH_WEIGHTS_VECTOR] = "norms and biases",
};

const char *hth_weight_class_name(HthWeightClass which) {
    return class_names[which];
}

static HthWeightClass class_of(const HthWeight *w) {
    if (!w->fmt) return HTH_WEIGHTS_VECTOR;
    if (w->count && strstr(w->name, "exp")) return HTH_WEIGHTS_EXPERT;
    if (strstr(w->name, "ffn")) return HTH_WEIGHTS_FORWARD;
    if (strncmp(w->name, "output", 6) == 0) return HTH_WEIGHTS_OUTPUT;
    return strstr(w->name, "embd") ? HTH_WEIGHTS_EMBED : HTH_WEIGHTS_ATTEND;
}

/* A tensor that stands for one that is missing: the embedding for the output, keys for values. */
static bool seen_before(const HthModel *m, size_t i) {
    for (size_t k = i - i % HTH_W_COUNT; k < i; k++)
        if (m->tensors[k] == m->tensors[i] && m->weights[k].first_row == 0) return true;
    return false;
}

void hth_model_class_bytes(const HthModel *m, size_t out[HTH_WEIGHTS_COUNT]) {
    memset(out, 0, HTH_WEIGHTS_COUNT * sizeof *out);
    for (size_t i = 0; i < (size_t)m->shape.n_layer * HTH_W_COUNT; i++) {
        const HthGgufTensor *t = m->tensors[i];
        if (m->weights[i].first_row > 0) continue; /* counted with the tensor's first matrix */
        if (t && !seen_before(m, i)) out[class_of(&m->weights[i])] += t->bytes;
    }
}

size_t hth_model_weight_bytes(const HthModel *m) {
    size_t parts[HTH_WEIGHTS_COUNT], total = 0;
    hth_model_class_bytes(m, parts);
    for (int k = 0; k < HTH_WEIGHTS_COUNT; k++) total += parts[k];
    return total;
}

size_t hth_model_table_bytes(const HthModel *m) {
    return m->table_bytes;
}
