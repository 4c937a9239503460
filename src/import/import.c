/* import.c - see import.h.
 *
 * Thread: the caller's. */
#include "import/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "import/config.h"
#include "import/plan.h"
#include "import/pooling.h"
#include "import/tokens.h"

enum { CONFIG_MAX = 16 << 20 };

typedef struct Job {
    const HthImportOpt *opt;
    HthImportFolder folder;
    json_t *root; /* config.json */
    HthConfig config;
    HthWeights *weights;
    HthImportPlan plan;
    HthTokenizer tokens;
    char name[512]; /* general.name */
} Job;

/* ---- reading ---- */

/* Phi 3's tokens that swallow blanks are known by the model's name, and only by it. */
static HthStatus name_it(Job *job, HthErr *err) {
    const char *name = job->opt->name != NULL ? job->opt->name : job->folder.name;
    char lower[sizeof job->name];
    HTH_REQUIRE(strlen(name) > 0 && strlen(name) <= NAME_MAX && hth_utf8_valid(hth_str(name)), err,
                HTH_EINVAL, "the model's name is empty, longer than %d bytes, or not UTF-8",
                NAME_MAX);
    snprintf(job->name, sizeof job->name, "%s", name);
    for (size_t i = 0; i <= strlen(name); i++)
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    const bool phi = strstr(lower, "phi-3") != NULL || strstr(lower, "phi3") != NULL;
    HTH_REQUIRE(!phi || job->tokens.strips, err, HTH_ENOTSUP,
                "the model would be named after Phi 3, whose tokens swallow blanks, and this one's "
                "do not: name it otherwise with --name");
    if (!phi && job->tokens.strips) snprintf(job->name, sizeof job->name, "Phi-3 (%.255s)", name);
    return HTH_OK;
}

static HthStatus read_all(Job *job, HthErr *err) {
    HTH_TRY(hth_import_json(&job->folder, "config.json", CONFIG_MAX, &job->root, err));
    HTH_REQUIRE(job->root != NULL, err, HTH_EFORMAT,
                "the folder has no config.json: it is not that of a model");
    HTH_TRY(hth_config_read(&job->config, job->root, err));
    HTH_TRY(hth_import_pooling(&job->config, &job->folder, err));
    HTH_TRY(hth_weights_open(&job->weights, &job->folder, err));
    HTH_TRY(hth_plan_read(&job->plan, &job->config, job->weights, job->opt->to, err));
    HTH_TRY(hth_tokenizer_read(&job->tokens, &job->folder, job->root, job->config.n_vocab, err));
    HTH_REQUIRE(!job->config.lower || (job->tokens.words && job->tokens.lower), err, HTH_ENOTSUP,
                "sentence_bert_config.json has texts made lowercase (do_lower_case), which the "
                "tokenizer does not do, and a GGUF file cannot say");
    return name_it(job, err);
}

static void drop(Job *job) {
    hth_tokenizer_drop(&job->tokens);
    hth_plan_drop(&job->plan);
    hth_weights_close(&job->weights);
    hth_config_drop(&job->config);
    json_decref(job->root);
}

/* ---- writing ---- */

static int tell(void *payload, uint64_t done, uint64_t total) {
    const Job *job = payload;
    return job->opt->progress != NULL ? job->opt->progress(done, total) : 0;
}

static HthStatus write_head(const Job *job, HthGgufOut *o, HthErr *err) {
    HTH_TRY(hth_gguf_out_str(o, "general.architecture", hth_str(job->config.family->arch), err));
    HTH_TRY(hth_gguf_out_str(o, "general.type", HTH_STR("model"), err));
    HTH_TRY(hth_gguf_out_str(o, "general.name", hth_str(job->name), err));
    HTH_TRY(hth_config_write(&job->config, o, err));
    HTH_TRY(hth_gguf_out_u32(o, "general.file_type", hth_plan_file_type(&job->plan), err));
    HTH_TRY(hth_gguf_out_u32(o, "general.quantization_version", 2, err));
    HTH_TRY(hth_tokenizer_write(&job->tokens, o, err));
    return hth_plan_declare(&job->plan, o, err);
}

/* ---- telling ---- */

static void note(json_t *notes, bool is, const char *text) {
    if (is) json_array_append_new(notes, json_string(text));
}

static void encoder_notes(const HthConfig *c, const HthTokenizer *t, json_t *notes) {
    char text[256];
    const bool ranks = c->family->kind == HTH_FAMILY_RANKER;
    snprintf(text, sizeof text,
             "longer texts than %u tokens are cut there in the folder; here none is cut, up to %u",
             c->cut, c->n_ctx);
    note(notes, c->cut != 0 && c->cut < c->n_ctx, text);
    note(notes, ranks && c->n_type > 1,
         "the second text of a pair has token type 1 in the folder and 0 in programs that read "
         "GGUF files: scores are not quite those of the folder");
    snprintf(text, sizeof text,
             "%zu tokens are in no text: they go on with U+2581, which here begins words",
             t->marked);
    note(notes, t->marked > 0, text);
}

static json_t *notes_of(const Job *job) {
    const HthTokenizer *t = &job->tokens;
    json_t *notes = json_array();
    char text[256];
    const char *for_what = job->config.family->others_for;
    snprintf(text, sizeof text, "%zu tensors for %s are left out", job->plan.left_out,
             for_what != NULL ? for_what : "something else");
    note(notes, job->plan.left_out > 0, text);
    encoder_notes(&job->config, t, notes);
    snprintf(text, sizeof text,
             "the context ends after %u tokens: beyond them the model looks through a window, "
             "which a GGUF file of %s cannot say",
             job->config.n_ctx, job->config.family->arch);
    note(notes, job->config.family->window_caps && job->config.window == job->config.n_ctx, text);
    snprintf(text, sizeof text, "%zu tokens are left out: the embedding has no rows for them",
             t->beyond);
    note(notes, t->beyond > 0, text);
    snprintf(text, sizeof text,
             "%zu tokens should swallow the blanks beside them, which a GGUF file cannot say",
             t->strips_lost);
    note(notes, t->strips_lost > 0, text);
    snprintf(text, sizeof text,
             "no merge makes token %u: a known fault of the program that listed them; it is joined "
             "before all others",
             t->lost);
    note(notes, t->lost != HTH_IMPORT_NO_ID, text);
    note(notes, t->nfc, "texts should be in normal form C, which a GGUF file cannot say");
    return notes;
}

static HthStatus say(json_t **out, const Job *job, const char *path, uint64_t bytes, HthErr *err) {
    const uint64_t starved = hth_json_starved();
    json_t *types = json_object();
    for (size_t i = 0; i < job->plan.count; i++) {
        const char *type = job->plan.tensors[i].to->name;
        const json_int_t n = json_integer_value(json_object_get(types, type));
        json_object_set_new(types, type, json_integer(n + 1));
    }
    json_t *v = json_pack(
        "{s:s, s:o, s:I, s:s, s:s, s:I, s:I, s:o, s:I, s:{s:s, s:s, s:I, s:b, s:b, s:b}, s:o}",
        "output", path, "name", hth_json_str(hth_str(job->name)), "bytes", (json_int_t)bytes,
        "family", job->config.family->name, "architecture", job->config.family->arch,
        "context_length", (json_int_t)job->config.n_ctx, "parameters",
        (json_int_t)job->plan.weights, "tensors", types, "files",
        (json_int_t)hth_weights_files(job->weights), "tokenizer", "model", job->tokens.model, "pre",
        job->tokens.pre, "tokens", (json_int_t)job->tokens.n, "add_bos", job->tokens.add_bos,
        "add_eos", job->tokens.add_eos, "chat_template", job->tokens.chat.n > 0, "notes",
        notes_of(job));
    if (v != NULL && hth_json_starved() == starved) {
        *out = v;
        return HTH_OK;
    }
    json_decref(v);
    return HTH_FAIL(err, HTH_ENOMEM, "out of memory");
}

/* What is said is made before the file has its name. */
static HthStatus write_all(Job *job, const char *out, json_t **said, HthErr *err) {
    HthGgufOut *o = NULL;
    uint64_t bytes = 0;
    HTH_TRY(hth_gguf_out_open(&o, out, err));
    HthStatus st = write_head(job, o, err);
    if (st == HTH_OK) st = hth_gguf_out_bytes(o, &bytes, err);
    if (st == HTH_OK) st = say(said, job, out, bytes, err);
    if (st == HTH_OK) st = hth_plan_write(&job->plan, job->weights, o, tell, job, err);
    if (st == HTH_OK) return hth_gguf_out_commit(&o, err);
    hth_gguf_out_abort(&o);
    return st;
}

HthStatus hth_import(json_t **said_out, const char *folder, const char *out,
                     const HthImportOpt *opt, HthErr *err) {
    Job job = { .opt = opt };
    json_t *said = NULL;
    HTH_TRY(hth_import_folder(&job.folder, folder, err));
    HthStatus st = hth_import_out(&job.folder, out, opt->force, err);
    if (st == HTH_OK) st = read_all(&job, err);
    if (st == HTH_OK) st = write_all(&job, out, &said, err);
    drop(&job);
    if (st == HTH_OK)
        *said_out = said;
    else
        json_decref(said);
    return st;
}
