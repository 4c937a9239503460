/* quantize.c - see quantize.h.
 *
 * Thread: the caller's. */
#include "quant/quantize.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
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

/* What is written must not be one of the files that are read. */
static HthStatus not_the_input(const HthQuantJob *job, const char *path, HthErr *err) {
    struct stat there, read;
    if (stat(path, &there) != 0) return HTH_OK;
    for (uint32_t i = 0; i < job->parts; i++)
        HTH_REQUIRE(fstat(hth_gguf_part_map(job->g, i)->fd, &read) != 0 ||
                        there.st_dev != read.st_dev || there.st_ino != read.st_ino,
                    err, HTH_EINVAL, "%.150s would replace the input", path);
    return HTH_OK;
}

/* Where OUT really is (as of every file, a link is followed), and that it and its company can be
 * written: before an hour of work, not after. */
static HthStatus place(char to[PATH_MAX], const HthQuantJob *job, const char *out, HthErr *err) {
    static const char *const company[] = { "", ".part", ".part.log", ".quantlog.json" };
    char path[PATH_MAX];
    struct stat st;
    HTH_REQUIRE(strlen(out) < PATH_MAX - 16, err, HTH_EINVAL, "the output's path is too long");
    if (realpath(out, to) == NULL) memcpy(to, out, strlen(out) + 1);
    HTH_REQUIRE(stat(to, &st) != 0 || S_ISREG(st.st_mode), err, HTH_EINVAL,
                "%.150s is there and is no regular file", out);
    for (size_t i = 0; i < HTH_COUNT(company); i++) {
        HTH_REQUIRE(snprintf(path, sizeof path, "%s%s", to, company[i]) < (int)sizeof path, err,
                    HTH_EINVAL, "the output's path is too long");
        HTH_TRY(not_the_input(job, path, err));
    }
    return HTH_OK;
}

/* The log comes before OUT has its name: no OUT is without one. */
static HthStatus make(HthQuantJob *job, HthPart **part, const char *out, json_t **log,
                      HthErr *err) {
    HTH_TRY(hth_quant_job_run(job, *part, err));
    *log = hth_quant_log(job, out);
    HTH_REQUIRE(*log != NULL, err, HTH_ENOMEM, "out of memory");
    HTH_TRY(hth_part_sync(*part, job->out_bytes, err));
    HTH_TRY(write_log(out, *log, err));
    return hth_part_commit(part, err);
}

HthStatus hth_quantize(json_t **log_out, const char *in, const char *out, const HthQuantOpt *opt,
                       HthErr *err) {
    HthQuantJob *job = NULL;
    HthPart *part = NULL;
    json_t *log = NULL;
    uint8_t plan[HTH_HASH_BYTES];
    char target[PATH_MAX];
    HTH_TRY(hth_quant_job_open(&job, in, opt, err));
    HthStatus st = place(target, job, out, err);
    if (st == HTH_OK) st = hth_quant_job_choose(job, err);
    if (st == HTH_OK) st = hth_quant_job_read(job, err);
    if (st == HTH_OK) {
        hth_quant_job_plan(job, plan);
        st = hth_part_open(&part, target, plan, err);
    }
    if (st == HTH_OK) {
        HthPiece first;
        st = hth_part_room(part, job->out_bytes, err);
        if (st != HTH_OK && !hth_part_known(part, 0, &first)) hth_part_drop(&part);
    }
    if (st == HTH_OK) st = make(job, &part, target, &log, err);
    if (st == HTH_EFORMAT || st == HTH_ELIMIT)
        hth_part_drop(&part); /* another try would end there too */
    else
        hth_part_close(&part);
    hth_quant_job_close(&job);
    if (st == HTH_OK)
        *log_out = log;
    else
        json_decref(log);
    if (st == HTH_ECANCELED)
        st = HTH_FAIL(err, st, "stopped; the same command continues where this one was");
    return st;
}
