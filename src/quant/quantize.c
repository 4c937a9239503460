/* quantize.c - see quantize.h.
 *
 * Thread: the caller's. */
#include "quant/quantize.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "quant/job.h"

enum { LOG_MAX = 64 << 20 };

/* Pretty, with a newline: what is written, and what is compared. */
static HthStatus text_of(HthBuf *to, const json_t *log, HthErr *err) {
    HTH_TRY(hth_json_write(to, log, 2, err));
    return hth_buf_add_char(to, '\n', err);
}

static HthStatus write_log(const char *out, const json_t *log, HthErr *err) {
    char path[PATH_MAX];
    HthBuf text;
    HTH_REQUIRE(snprintf(path, sizeof path, "%s.quantlog.json", out) < (int)sizeof path, err,
                HTH_EINVAL, "the output's path is too long");
    hth_buf_init(&text, LOG_MAX);
    HthStatus st = text_of(&text, log, err);
    if (st == HTH_OK) st = hth_file_write(path, text.p, text.n, 0644, err);
    hth_buf_drop(&text);
    return st;
}

/* The output must not be one of the files that are read. */
static HthStatus not_the_input(const HthQuantJob *job, const char *in, const char *out,
                               HthErr *err) {
    struct stat a, b;
    (void)job;
    HTH_REQUIRE(stat(in, &a) != 0 || stat(out, &b) != 0 || a.st_dev != b.st_dev ||
                    a.st_ino != b.st_ino,
                err, HTH_EINVAL, "the output would replace the input");
    return HTH_OK;
}

HthStatus hth_quantize(json_t **log_out, const char *in, const char *out, const HthQuantOpt *opt,
                       HthErr *err) {
    HthQuantJob *job = NULL;
    HthPart *part = NULL;
    json_t *log = NULL;
    uint8_t plan[HTH_HASH_BYTES];
    HTH_TRY(hth_quant_job_open(&job, in, opt, err));
    HthStatus st = not_the_input(job, in, out, err);
    if (st == HTH_OK) {
        hth_quant_job_plan(job, plan);
        st = hth_part_open(&part, out, plan, err);
    }
    if (st == HTH_OK) st = hth_quant_job_run(job, part, err);
    if (st == HTH_OK && (log = hth_quant_log(job, in, out)) == NULL)
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    if (st == HTH_OK) st = hth_part_commit(&part, job->out_bytes, err);
    if (st == HTH_OK) st = write_log(out, log, err);
    hth_part_close(&part);
    hth_quant_job_close(&job);
    if (st == HTH_OK)
        *log_out = log;
    else
        json_decref(log);
    return st;
}
