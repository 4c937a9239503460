/* adapter.c - see adapter.h.
 *
 * Thread: the caller's. */
#include "import/adapter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "import/folder.h"
#include "import/peft.h"
#include "import/plan.h"
#include "model/model.h"

enum { CONFIG_MAX = 1 << 20 };
static const char config_name[] = "adapter_config.json", file_name[] = "adapter_model.safetensors";

typedef struct Job {
    const HthImportOpt *opt;
    HthImportFolder folder;
    json_t *root; /* adapter_config.json */
    HthPeft peft;
    const HthGguf *base;
    HthSafe *file;
    HthPairs pairs;
    const char *name; /* general.name */
    float alpha; /* of the file: what is added is times alpha / rank */
    HthGgufOut *o;
    uint8_t *raw, *out; /* a row, as it is and as it becomes; aligned */
    float *floats;
    uint64_t done, total;
} Job;

HthStatus hth_import_is_adapter(const char *folder, bool *is, HthErr *err) {
    HthImportFolder f;
    char path[PATH_MAX];
    HTH_TRY(hth_import_folder(&f, folder, err));
    return hth_import_path(&f, hth_str(config_name), path, is, err);
}

/* ---- reading -------------------------------------------------------------------------------- */

static HthStatus open_file(Job *job, HthErr *err) {
    char path[PATH_MAX];
    bool there;
    HTH_TRY(hth_import_path(&job->folder, hth_str(file_name), path, &there, err));
    HTH_REQUIRE(there, err, HTH_EFORMAT,
                "the folder has no %s (an older adapter's is .bin, which "
                "can run programs: it is not read)",
                file_name);
    return hth_safe_open(&job->file, path, file_name, err);
}

static HthStatus read_all(Job *job, HthErr *err) {
    HTH_TRY(hth_import_json(&job->folder, config_name, CONFIG_MAX, &job->root, err));
    HTH_REQUIRE(job->root, err, HTH_EFORMAT, "the folder has no %s: it is not that of an adapter",
                config_name);
    HTH_TRY(hth_peft_read(&job->peft, job->root, err));
    HTH_TRY(open_file(job, err));
    HTH_TRY(hth_peft_pairs(&job->pairs, job->file, job->base, err));
    HTH_REQUIRE(!job->peft.root || job->pairs.rank_min == job->pairs.rank_max, err, HTH_ENOTSUP,
                "adapter_config.json: use_rslora with ranks from %u to %u: a GGUF adapter has one "
                "strength",
                job->pairs.rank_min, job->pairs.rank_max);
    job->alpha = job->peft.alpha;
    if (job->peft.root) job->alpha *= sqrtf((float)job->pairs.rank_max);
    job->name = job->opt->name ? job->opt->name : job->folder.name;
    HTH_REQUIRE(job->name[0] && hth_utf8_valid(hth_str(job->name)), err, HTH_EINVAL,
                "the adapter's name is empty, or not UTF-8");
    return HTH_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

static const HthFmt *type_of(const Job *job, const HthSafeTensor *t) {
    return job->opt->to ? job->opt->to : t->fmt;
}

static HthStatus declare(Job *job, HthErr *err) {
    char name[80];
    for (size_t i = 0; i < job->pairs.count; i++) {
        const HthPair *p = &job->pairs.pairs[i];
        const uint64_t a[2] = { p->lookup ? p->rank : p->cols, p->lookup ? p->rows : p->rank };
        const uint64_t b[2] = { p->rank, p->lookup ? p->cols : p->rows };
        snprintf(name, sizeof name, "%s.lora_a", p->name);
        HTH_TRY(hth_gguf_out_tensor(job->o, hth_str(name), type_of(job, p->a), 2, a, err));
        snprintf(name, sizeof name, "%s.lora_b", p->name);
        HTH_TRY(hth_gguf_out_tensor(job->o, hth_str(name), type_of(job, p->b), 2, b, err));
    }
    return HTH_OK;
}

static HthStatus write_head(Job *job, HthErr *err) {
    HthGgufOut *o = job->o;
    HTH_TRY(hth_gguf_out_str(o, "general.type", HTH_STR("adapter"), err));
    HTH_TRY(hth_gguf_out_str(o, "general.architecture", hth_str(job->pairs.arch), err));
    HTH_TRY(hth_gguf_out_str(o, "general.name", hth_str(job->name), err));
    HTH_TRY(hth_gguf_out_str(o, "adapter.type", HTH_STR("lora"), err));
    HTH_TRY(hth_gguf_out_f32(o, "adapter.lora.alpha", job->alpha, err));
    return declare(job, err);
}

/* n numbers in job->raw. */
static HthStatus write_row(Job *job, const HthSafeTensor *t, size_t n, HthErr *err) {
    const HthFmt *to = type_of(job, t);
    const size_t bytes = n * to->block_bytes;
    t->fmt->dequant(job->raw, job->floats, n);
    for (size_t i = 0; i < n; i++) {
        const bool fits = strcmp(to->name, "F16") != 0 || fabsf(job->floats[i]) < 65520.0f;
        HTH_REQUIRE(isfinite(job->floats[i]) && fits, err, HTH_EFORMAT,
                    "a value of the adapter is no finite number of the type %s", to->name);
    }
    to->quant(job->floats, job->out, n);
    HTH_TRY(hth_gguf_out_data(job->o, job->out, bytes, err));
    job->done += bytes;
    HTH_REQUIRE(!job->opt->progress || job->opt->progress(job->done, job->total) == 0, err,
                HTH_ECANCELED, "stopped; nothing was written");
    return HTH_OK;
}

/* Row r of the tensor in the file: of what it is in the folder. An embedding's A has a column for
 * each token there, a row here. */
static void take_row(Job *job, const HthPair *p, const HthSafeTensor *t, uint64_t r, size_t n) {
    const size_t size = t->fmt->block_bytes;
    const HthImportTensor order = { .rows = p->rows, .how = p->row->how, .heads = p->heads };
    if (p->lookup && t == p->a) {
        for (size_t j = 0; j < n; j++)
            memcpy(job->raw + j * size, t->data + (j * p->rows + r) * size, size);
        return;
    }
    const uint64_t from = t == p->b && p->heads ? hth_plan_row(&order, r) : r;
    memcpy(job->raw, t->data + from * n * size, n * size);
}

static HthStatus write_data(Job *job, HthErr *err) {
    for (size_t i = 0; i < job->pairs.count; i++) {
        const HthPair *p = &job->pairs.pairs[i];
        const uint32_t a_rows = p->lookup ? p->rows : p->rank,
                       b_rows = p->lookup ? p->cols : p->rows;
        const uint32_t a_cols = p->lookup ? p->rank : p->cols;
        for (uint32_t r = 0; r < a_rows; r++) {
            take_row(job, p, p->a, r, a_cols);
            HTH_TRY(write_row(job, p->a, a_cols, err));
        }
        for (uint32_t r = 0; r < b_rows; r++) {
            take_row(job, p, p->b, r, p->rank);
            HTH_TRY(write_row(job, p->b, p->rank, err));
        }
    }
    return HTH_OK;
}

static HthStatus make_room(Job *job, HthErr *err) {
    size_t widest = 1;
    for (size_t i = 0; i < job->pairs.count; i++) {
        const HthPair *p = &job->pairs.pairs[i];
        const size_t a = p->lookup ? p->rank : p->cols;
        if (a > widest) widest = a;
        if (p->rank > widest) widest = p->rank;
        job->total += p->a->bytes / p->a->fmt->block_bytes * type_of(job, p->a)->block_bytes +
                      p->b->bytes / p->b->fmt->block_bytes * type_of(job, p->b)->block_bytes;
    }
    job->raw = hth_calloc_aligned(widest, sizeof(float));
    job->out = hth_calloc_aligned(widest, sizeof(float));
    job->floats = hth_calloc_aligned(widest, sizeof *job->floats);
    HTH_REQUIRE(job->raw && job->out && job->floats, err, HTH_ENOMEM, "out of memory");
    return HTH_OK;
}

static HthStatus say(json_t **out, const Job *job, const char *path, HthErr *err) {
    uint64_t bytes = 0;
    HTH_TRY(hth_gguf_out_bytes(job->o, &bytes, err));
    json_t *v = json_pack("{s:s, s:o, s:I, s:s, s:I, s:I, s:f}", "output", path, "name",
                          hth_json_str(hth_str(job->name)), "bytes", (json_int_t)bytes,
                          "architecture", job->pairs.arch, "matrices", (json_int_t)job->pairs.count,
                          "rank", (json_int_t)job->pairs.rank_max, "alpha", (double)job->alpha);
    HTH_REQUIRE(v, err, HTH_ENOMEM, "out of memory");
    *out = v;
    return HTH_OK;
}

/* To job->o, which is closed. said NULL: nothing is said. */
static HthStatus write_all(Job *job, const char *out, json_t **said, HthErr *err) {
    HthStatus st = make_room(job, err);
    if (st == HTH_OK) st = write_head(job, err);
    if (st == HTH_OK && said) st = say(said, job, out, err);
    if (st == HTH_OK) st = write_data(job, err);
    if (st == HTH_OK) return hth_gguf_out_commit(&job->o, err);
    hth_gguf_out_abort(&job->o);
    return st;
}

static void drop(Job *job) {
    hth_peft_drop(&job->pairs);
    hth_safe_close(&job->file);
    json_decref(job->root);
    hth_free(job->raw);
    hth_free(job->out);
    hth_free(job->floats);
}

HthStatus hth_import_adapter(json_t **said_out, const char *folder, const char *base,
                             const char *out, const HthImportOpt *opt, HthErr *err) {
    Job job = { .opt = opt };
    HthGguf *g = NULL;
    json_t *said = NULL;
    HTH_TRY(hth_import_folder(&job.folder, folder, err));
    HTH_TRY(hth_import_out(&job.folder, out, opt->force, err));
    HTH_TRY(hth_gguf_open(&g, base, err));
    job.base = g;
    HthStatus st = read_all(&job, err);
    if (st == HTH_OK) st = hth_gguf_out_open(&job.o, out, err);
    if (st == HTH_OK) st = write_all(&job, out, &said, err);
    drop(&job);
    hth_gguf_close(&g);
    if (st == HTH_OK)
        *said_out = said;
    else
        json_decref(said);
    return st;
}

HthStatus hth_import_adapter_bytes(HthBuf *out, const char *folder, const HthGguf *base,
                                   HthErr *err) {
    static const HthImportOpt usual;
    Job job = { .opt = &usual, .base = base };
    HTH_TRY(hth_import_folder(&job.folder, folder, err));
    HthStatus st = read_all(&job, err);
    if (st == HTH_OK) st = hth_gguf_out_open_mem(&job.o, out, folder, err);
    if (st == HTH_OK) st = write_all(&job, NULL, NULL, err);
    drop(&job);
    return st;
}

HthStatus hth_import_adapter_make(HthBuf *out, const HthModel *model, const char *path, bool *made,
                                  HthErr *err) {
    struct stat st;
    *made = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    return *made ? hth_import_adapter_bytes(out, path, hth_model_gguf(model), err) : HTH_OK;
}
