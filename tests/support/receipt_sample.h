/* receipt_sample.h - a receipt as a finished job would fill it in, for tests and fuzzers.
 *
 * Header only.  Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_RECEIPT_SAMPLE_H
#define HTH_TESTS_SUPPORT_RECEIPT_SAMPLE_H

#include <string.h>

#include "audit/receipt.h"

static const uint32_t sample_prompt[] = { 1, 42, 7, 70000, UINT32_MAX };
static const uint32_t sample_ids[] = { 5, 0, 300, 65536, 9 };
static const HthStr sample_stops[] = { { "END", 3 }, { "\n\n", 2 } };

/* sampler: an object of texts, borrowed by the result. */
static inline HthReceiptIn sample_receipt(const json_t *sampler) {
    HthReceiptIn in = {
        .prompt = sample_prompt,
        .prompt_count = HTH_COUNT(sample_prompt),
        .ids = sample_ids,
        .id_count = HTH_COUNT(sample_ids),
        .text = HTH_STR("A small answer.\n"),
        .stops = sample_stops,
        .stop_count = HTH_COUNT(sample_stops),
    };
    HthReceiptFacts *f = &in.facts;
    f->finish = HTH_STR("stop");
    hth_digests(&f->model, "model", 5);
    hth_digests(&f->tokenizer, "tokenizer", 9);
    hth_digests(&f->chat_template, "template", 8);
    hth_digests(&f->engine, "engine", 6);
    f->model_bytes = 4431968;
    f->version = HTH_STR("0.1.0");
    f->numerics = HTH_STR("hearth-n1");
    f->isa = HTH_STR("avx2");
    f->kv = HTH_STR("f16");
    f->ctx = 4096;
    f->sampler = sampler;
    f->seed = UINT64_MAX;
    f->id_max = 128;
    f->unix_s = 1795309200; /* 2026-11-22T01:00:00Z */
    return in;
}

static inline json_t *sample_sampler(void) {
    hth_json_init();
    return json_pack("{s:s, s:s, s:s}", "temperature", "0.8", "top_k", "40", "samplers",
                     "top_k;temperature");
}

#endif
