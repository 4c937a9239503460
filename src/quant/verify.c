/* verify.c - a quantisation log taken at its word: all of it done again and compared.
 *
 * Thread: the caller's. */
#include "quant/quantize.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "quant/job.h"

enum { LOG_MAX = 64 << 20 };

typedef struct Claim {
    HthQuantClaim what;
    char in[PATH_MAX], out[PATH_MAX], imatrix[PATH_MAX];
} Claim;

/* A file of the log's folder by the name in the log, which must be no path; or the one given. */
static HthStatus place(char to[PATH_MAX], const char *log, const char *given, HthStr name,
                       HthErr *err) {
    const char *slash = strrchr(log, '/');
    const int folder = slash == NULL ? 0 : (int)(slash + 1 - log);
    if (given != NULL) {
        HTH_REQUIRE(strlen(given) < PATH_MAX, err, HTH_EINVAL, "the path is too long");
        memcpy(to, given, strlen(given) + 1);
        return HTH_OK;
    }
    HTH_REQUIRE(name.n > 0 && name.n < 256 && memchr(name.p, '/', name.n) == NULL &&
                    memchr(name.p, '\0', name.n) == NULL && folder < PATH_MAX - 256,
                err, HTH_EFORMAT, "the log does not name its files: give them after it");
    snprintf(to, PATH_MAX, "%.*s%.*s", folder, log, (int)name.n, name.p);
    return HTH_OK;
}

static HthStatus read_rule(HthQuantRule *to, const json_t *rule, size_t no, HthErr *err) {
    const json_t *pattern = json_object_get(rule, "pattern"), *type = json_object_get(rule, "type");
    HTH_REQUIRE(json_is_string(pattern) && json_is_string(type) &&
                    hth_fmt_by_name(json_string_value(type)) != NULL,
                err, HTH_EFORMAT, "the log's pattern %zu says no type", no);
    HTH_REQUIRE(json_string_length(pattern) <= HTH_QUANT_PATTERN_MAX, err, HTH_ELIMIT,
                "the log's pattern %zu is longer than %d bytes", no, HTH_QUANT_PATTERN_MAX);
    *to = (HthQuantRule){ json_string_value(pattern), hth_fmt_by_name(json_string_value(type)) };
    return HTH_OK;
}

static HthStatus read_options(HthQuantClaim *c, HthErr *err) {
    const json_t *options = json_object_get(c->log, "options");
    const json_t *rules = json_object_get(options, "tensors");
    const json_t *type = json_object_get(c->log, "type");
    HTH_REQUIRE(hth_str_eq(hth_json_text(c->log, "format"), HTH_STR("hearth quantlog 1")) &&
                    json_is_string(type) && json_is_array(rules),
                err, HTH_EFORMAT, "this is not a quantisation log that hearth knows");
    const json_int_t bytes = json_integer_value(json_object_get(options, "auto_bytes"));
    const double error = json_real_value(json_object_get(options, "auto_error"));
    c->opt.mix = hth_mix_find(json_string_value(type));
    c->opt.awq = json_is_true(json_object_get(options, "awq"));
    if (c->opt.mix == NULL && strcmp(json_string_value(type), "auto") == 0) {
        c->opt.best = (HthQuantAuto){ bytes > 0 ? (uint64_t)bytes : 0, error > 0 ? error : 0 };
        HTH_REQUIRE((c->opt.best.bytes > 0) != (c->opt.best.error > 0), err, HTH_EFORMAT,
                    "the log does not say by what its types were chosen");
    } else {
        HTH_REQUIRE(c->opt.mix != NULL, err, HTH_EFORMAT,
                    "the log has a type that hearth does not know");
    }
    HTH_REQUIRE(json_array_size(rules) <= HTH_QUANT_RULES_MAX, err, HTH_ELIMIT,
                "the log has more than %d patterns", HTH_QUANT_RULES_MAX);
    for (size_t i = 0; i < json_array_size(rules); i++)
        HTH_TRY(read_rule(&c->rules[i], json_array_get(rules, i), i + 1, err));
    c->opt.rules = c->rules;
    c->opt.rule_count = json_array_size(rules);
    c->opt.again = json_is_true(json_object_get(options, "requantize"));
    return HTH_OK;
}

HthStatus hth_quant_claim(HthQuantClaim *c, HthStr text, HthErr *err) {
    HTH_TRY(hth_json_parse(&c->log, text, LOG_MAX, err));
    return read_options(c, err);
}

static HthStatus read_claim(Claim *c, const char *log, const char *in, const char *out,
                            const char *imatrix, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, LOG_MAX);
    HthStatus st = hth_file_read(&text, log, err);
    if (st == HTH_OK) st = hth_quant_claim(&c->what, hth_buf_str(&text), err);
    hth_buf_drop(&text);
    HTH_TRY(st);
    const json_t *input = json_array_get(json_object_get(c->what.log, "input"), 0);
    const json_t *output = json_object_get(c->what.log, "output");
    HTH_TRY(place(c->in, log, in, hth_json_text(input, "file"), err));
    const json_t *im = json_object_get(c->what.log, "imatrix");
    HTH_REQUIRE(im != NULL || imatrix == NULL, err, HTH_EINVAL,
                "the log knows of no importance matrix");
    HTH_REQUIRE(im != NULL || !c->what.opt.awq, err, HTH_EFORMAT,
                "the log names no importance matrix, and was made with one");
    if (im != NULL) {
        HTH_TRY(place(c->imatrix, log, imatrix, hth_json_text(im, "file"), err));
        c->what.opt.imatrix = c->imatrix;
    }
    return place(c->out, log, out, hth_json_text(output, "file"), err);
}

/* The output as it lies there against what was made again. */
static HthStatus compare_file(const HthQuantJob *job, const char *path, HthErr *err) {
    HthFileMap map;
    uint8_t digest[HTH_HASH_BYTES];
    HTH_TRY(hth_file_map(&map, path, err));
    HthStatus st = HTH_OK;
    if (map.n != job->out_bytes)
        st = HTH_FAIL(err, HTH_EFORMAT, "%s has %zu bytes; making it again gives %llu", path, map.n,
                      (unsigned long long)job->out_bytes);
    else if (memcmp(map.data, job->head.p, job->head.n) != 0)
        st = HTH_FAIL(err, HTH_EFORMAT, "%s: its metadata differs from what is made again", path);
    for (size_t i = 0; st == HTH_OK && i < job->count; i++) {
        const HthQuantTensor *q = &job->tensors[i];
        st = hth_quant_tell(job->opt, "comparing", q->at, job->out_bytes, err);
        if (st != HTH_OK) break;
        hth_hash(HTH_SHA256, map.data + q->at, q->bytes, digest);
        if (memcmp(digest, q->piece.sha256, sizeof digest) != 0)
            st = HTH_FAIL(err, HTH_EFORMAT, "%s: tensor '%.*s' differs from what is made again",
                          path, (int)q->from->name.n, q->from->name.p);
    }
    if (st == HTH_OK) {
        hth_hash(HTH_SHA3_256, map.data, map.n, digest);
        if (memcmp(digest, job->output.sha3, sizeof digest) != 0)
            st = HTH_FAIL(err, HTH_EFORMAT, "%s: bytes between its tensors are not zero", path);
    }
    hth_file_unmap(&map);
    return st;
}

/* Names of files and the program's version may differ: they say nothing of the bytes. */
static void forget_names(json_t *log) {
    size_t i;
    json_t *file;
    json_object_del(log, "tool");
    json_array_foreach(json_object_get(log, "input"), i, file) json_object_del(file, "file");
    json_object_del(json_object_get(log, "output"), "file");
    json_object_del(json_object_get(log, "imatrix"), "file");
}

static bool alike(const json_t *a, const json_t *b) {
    return (a == NULL && b == NULL) || json_equal(a, b);
}

static HthStatus compare_log(const HthQuantClaim *c, json_t *again, HthErr *err) {
    static const char *const parts[] = { "input", "imatrix", "type",   "options",
                                         "awq",   "tensors", "output", "relative_rmse" };
    forget_names(c->log);
    forget_names(again);
    for (size_t i = 0; i < HTH_COUNT(parts); i++)
        HTH_REQUIRE(alike(json_object_get(c->log, parts[i]), json_object_get(again, parts[i])), err,
                    HTH_EFORMAT, "the log's \"%s\" differs from what is found", parts[i]);
    HTH_REQUIRE(json_equal(c->log, again), err, HTH_EFORMAT,
                "the log says more than a quantisation log does");
    return HTH_OK;
}

static HthStatus check(Claim *c, HthErr *err) {
    HthQuantJob *job = NULL;
    json_t *again = NULL;
    HTH_TRY(hth_quant_job_open(&job, c->in, &c->what.opt, err));
    HthStatus st = hth_quant_job_choose(job, err);
    if (st == HTH_OK) st = hth_quant_job_read(job, err);
    if (st == HTH_OK) st = hth_quant_job_run(job, NULL, err);
    if (st == HTH_OK && (again = hth_quant_log(job, c->out)) == NULL)
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    if (st == HTH_OK) st = compare_log(&c->what, again, err);
    if (st == HTH_OK) st = compare_file(job, c->out, err);
    json_decref(again);
    hth_quant_job_close(&job);
    return st;
}

HthStatus hth_quantize_verify(const char *log, const char *in, const char *out, const char *imatrix,
                              uint32_t threads, HthQuantProgress *progress, HthErr *err) {
    Claim *c = hth_calloc(1, sizeof *c);
    HTH_REQUIRE(c != NULL, err, HTH_ENOMEM, "out of memory");
    c->what.opt = (HthQuantOpt){ .threads = threads, .progress = progress };
    HthStatus st = read_claim(c, log, in, out, imatrix, err);
    if (st == HTH_OK) st = check(c, err);
    json_decref(c->what.log);
    hth_free(c);
    return st;
}
