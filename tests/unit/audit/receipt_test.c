/* receipt_test.c - made and read, every byte of it binding, kept from those it is not for. */
#include "support/test.h"

#include "audit/jcs.h"
#include "base/rng.h"
#include "support/receipt_sample.h"

enum { MAX = HTH_RECEIPT_MAX };
static HthErr err;
static HthSigner *signer, *stranger;
static HthDsseKey key;

static int setup(void **state) {
    (void)state;
    const uint8_t one[HTH_SEED_BYTES] = { 1 }, two[HTH_SEED_BYTES] = { 2 };
    key.id = HTH_STR("receipts.test+01234567");
    if (hth_signer_open(&signer, one, &err) != HTH_OK) return -1;
    if (hth_signer_open(&stranger, two, &err) != HTH_OK) return -1;
    key.pub = hth_signer_public(signer);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    hth_signer_close(&signer);
    hth_signer_close(&stranger);
    return 0;
}

static HthStatus make(HthBuf *out, const HthReceiptIn *in) {
    const HthDsseSigner by = { signer, key.id };
    hth_buf_init(out, MAX);
    return hth_receipt_make(out, in, &by, &err);
}

static void sample(HthBuf *out) {
    json_t *sampler = sample_sampler();
    const HthReceiptIn in = sample_receipt(sampler);
    assert_ok(make(out, &in), err);
    json_decref(sampler);
}

/* Opens and checks against the key; what it says is dropped. */
static HthStatus look(HthStr file) {
    HthReceipt *r = NULL;
    HthStatus st = hth_receipt_open(&r, file, &err);
    if (st == HTH_OK) st = hth_receipt_check(r, &key, 1, NULL, &err);
    hth_receipt_close(&r);
    return st;
}

/* ---- what it says --------------------------------------------------------------------------- */

static void made_and_read(void **state) {
    (void)state;
    json_t *sampler = sample_sampler();
    const HthReceiptIn in = sample_receipt(sampler);
    HthBuf file;
    HthReceipt *r = NULL;
    size_t by = 7;
    assert_ok(make(&file, &in), err);
    assert_int_equal(file.p[file.n - 1], '\n');
    assert_ok(hth_receipt_open(&r, hth_buf_str(&file), &err), err);
    assert_ok(hth_receipt_check(r, &key, 1, &by, &err), err);
    assert_int_equal(by, 0);
    const HthReceiptFacts *f = &r->facts, *g = &in.facts;
    assert_true(hth_digests_eq(&f->model, &g->model) && hth_digests_eq(&f->engine, &g->engine));
    assert_true(hth_digests_eq(&f->tokenizer, &g->tokenizer));
    assert_true(hth_digests_eq(&f->chat_template, &g->chat_template));
    assert_true(hth_str_eq(f->finish, g->finish) && hth_str_eq(f->version, g->version));
    assert_true(hth_str_eq(f->numerics, g->numerics) && hth_str_eq(f->isa, g->isa));
    assert_true(hth_str_eq(f->kv, g->kv) && f->ctx == g->ctx && f->model_bytes == g->model_bytes);
    assert_true(f->seed == UINT64_MAX && f->id_max == 128 && f->unix_s == g->unix_s);
    assert_true(json_equal(f->sampler, sampler));
    assert_true(f->id_count == in.id_count && f->prompt_count == in.prompt_count);
    assert_true(f->cage.n == 0 && f->log.n == 0 && f->format.n == 0);
    /* what others can compute: the subject is the answer's bytes, ids are little-endian words */
    HthDigests d;
    hth_digests(&d, in.text.p, in.text.n);
    assert_true(hth_digests_eq(&d, &f->text));
    hth_digests(&d, "\5\0\0\0\0\0\0\0\x2c\1\0\0\0\0\1\0\x9\0\0\0", 20);
    assert_true(hth_digests_eq(&d, &f->ids));
    /* the holder's part */
    uint8_t commitment[HTH_HASH_BYTES];
    assert_true(r->held);
    assert_memory_equal(r->ids, in.ids, sizeof sample_ids);
    assert_ok(hth_receipt_commit(commitment, r->salt, in.prompt, in.prompt_count, &err), err);
    assert_memory_equal(commitment, f->prompt, sizeof commitment);
    assert_ok(hth_receipt_commit(commitment, r->salt, in.prompt, in.prompt_count - 1, &err), err);
    assert_memory_not_equal(commitment, f->prompt, sizeof commitment);
    assert_ok(hth_receipt_commit_stops(commitment, r->salt, in.stops, 2, &err), err);
    assert_memory_equal(commitment, f->stops, sizeof commitment);
    hth_receipt_close(&r);
    hth_buf_drop(&file);
    json_decref(sampler);
}

/* Two receipts of the same job have nothing in common that a prompt could be guessed against. */
static void salted(void **state) {
    (void)state;
    HthBuf a, b;
    HthReceipt *x = NULL, *y = NULL;
    sample(&a);
    sample(&b);
    assert_ok(hth_receipt_open(&x, hth_buf_str(&a), &err), err);
    assert_ok(hth_receipt_open(&y, hth_buf_str(&b), &err), err);
    assert_memory_not_equal(x->salt, y->salt, sizeof x->salt);
    assert_memory_not_equal(x->facts.prompt, y->facts.prompt, sizeof x->facts.prompt);
    assert_memory_not_equal(x->facts.stops, y->facts.stops, sizeof x->facts.stops);
    assert_true(hth_digests_eq(&x->facts.ids, &y->facts.ids));
    hth_receipt_close(&x);
    hth_receipt_close(&y);
    hth_buf_drop(&a);
    hth_buf_drop(&b);
}

/* What may be missing: template, stops, words; and what is not there yet, when it is there. */
static void bare_and_full(void **state) {
    (void)state;
    static const char hash[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    json_t *sampler = json_object();
    HthReceiptIn in = sample_receipt(sampler);
    HthBuf file;
    HthReceipt *r = NULL;
    in.id_count = in.stop_count = 0;
    in.text = (HthStr){ 0 };
    in.facts.chat_template = (HthDigests){ 0 };
    assert_ok(make(&file, &in), err);
    assert_ok(hth_receipt_open(&r, hth_buf_str(&file), &err), err);
    assert_true(hth_receipt_zero(&r->facts.chat_template) && r->facts.stop_count == 0);
    assert_true(r->held && r->facts.id_count == 0);
    hth_receipt_close(&r);
    hth_buf_drop(&file);
    in = sample_receipt(sampler);
    in.facts.cage = in.facts.format = hth_str(hash);
    in.facts.log = HTH_STR("c2sp.org/tlog-proof@v1\nindex 3\n");
    assert_ok(make(&file, &in), err);
    assert_ok(hth_receipt_open(&r, hth_buf_str(&file), &err), err);
    assert_true(hth_str_eq(r->facts.cage, hth_str(hash)) && r->facts.log.n == in.facts.log.n);
    assert_int_equal(r->facts.adapters.count, 0);
    hth_receipt_close(&r);
    hth_buf_drop(&file);
    json_decref(sampler);
}

/* ---- what it does not let pass -------------------------------------------------------------- */

static void one_byte(HthBuf *file, size_t at, uint8_t value) {
    const char was = file->p[at];
    if ((uint8_t)was == value) return;
    file->p[at] = (char)value;
    if (look(hth_buf_str(file)) == HTH_OK) fail_msg("byte %zu may become %02x", at, value);
    assert_true(err.text[0]);
    file->p[at] = was;
}

/* Every position; so many other values of each byte ($HTH_RECEIPT_VALUES, all: 255). */
static void mutate_all(HthBuf *file, uint32_t values) {
    const char *wanted = getenv("HTH_RECEIPT_VALUES");
    if (wanted) values = (uint32_t)strtoul(wanted, NULL, 10);
    assert_ok(look(hth_buf_str(file)), err);
    for (size_t at = 0; at < file->n; at++) {
        const uint32_t from = hth_rng_below(30, 3, at, 255);
        for (uint32_t i = 0; i < values; i++)
            one_byte(file, at, (uint8_t)((uint8_t)file->p[at] + 1 + (from + i) % 255));
    }
    assert_ok(look(hth_buf_str(file)), err);
    print_message("%zu bytes, %u other values of each refused\n", file->n, (unsigned)values);
}

static void every_byte_binds(void **state) {
    (void)state;
    HthBuf file;
    sample(&file);
    mutate_all(&file, 2);
    for (size_t at = 0; at < file.n; at++) { /* values that mean something to somebody */
        static const char telling[] = { '/', '_', '-', '+', '=', '\n' };
        one_byte(&file, at, (uint8_t)telling[hth_rng_below(30, 4, at, sizeof telling)]);
        one_byte(&file, at, (uint8_t)file.p[at] ^ 0x20); /* the other case */
        one_byte(&file, at, (uint8_t)file.p[at] ^ 1);
    }
    hth_buf_drop(&file);
}

/* Nor one byte more or less, or its end. */
static void every_length_binds(void **state) {
    (void)state;
    HthBuf file, other;
    sample(&file);
    hth_buf_init(&other, MAX);
    for (size_t at = 0; at <= file.n; at++) {
        static const char extra[] = { ' ', '0' };
        for (size_t i = 0; i <= sizeof extra; i++) { /* the last: one is gone */
            const size_t gone = i == sizeof extra;
            if (gone && at == file.n) continue;
            hth_buf_clear(&other);
            assert_ok(hth_buf_add(&other, file.p, at, &err), err);
            if (!gone) assert_ok(hth_buf_add_char(&other, extra[i], &err), err);
            assert_ok(hth_buf_add(&other, file.p + at + gone, file.n - at - gone, &err), err);
            if (look(hth_buf_str(&other)) == HTH_OK)
                fail_msg("byte %zu may be %s", at, gone ? "left out" : "put in");
        }
        if (at < file.n) assert_int_not_equal(look((HthStr){ file.p, at }), HTH_OK);
    }
    hth_buf_drop(&file);
    hth_buf_drop(&other);
}

static void who_signed(void **state) {
    (void)state;
    HthBuf file;
    HthReceipt *r = NULL;
    sample(&file);
    assert_ok(hth_receipt_open(&r, hth_buf_str(&file), &err), err);
    const HthDsseKey others = { HTH_STR("someone+89abcdef"), hth_signer_public(stranger) };
    const HthDsseKey liar = { key.id, hth_signer_public(stranger) };
    const HthDsseKey renamed = { HTH_STR("receipts.test+76543210"), key.pub };
    assert_status(hth_receipt_check(r, &others, 1, NULL, &err), HTH_EDENIED, err);
    assert_status(hth_receipt_check(r, NULL, 0, NULL, &err), HTH_EDENIED, err);
    assert_status(hth_receipt_check(r, &liar, 1, NULL, &err), HTH_EFORMAT, err);
    assert_status(hth_receipt_check(r, &renamed, 1, NULL, &err), HTH_EFORMAT, err);
    const HthDsseKey both[] = { others, key };
    size_t by = 7;
    assert_ok(hth_receipt_check(r, both, 2, &by, &err), err);
    assert_int_equal(by, 1);
    const HthDsseKey names[] = { renamed, key }; /* one key that the list has under two names */
    assert_ok(hth_receipt_check(r, names, 2, &by, &err), err);
    assert_int_equal(by, 1);
    const HthDsseKey lies[] = { liar, renamed, key };
    assert_ok(hth_receipt_check(r, lies, 3, &by, &err), err);
    assert_int_equal(by, 2);
    hth_receipt_close(&r);
    hth_buf_drop(&file);
}

/* What is shown to others has neither salt nor ids in it, is as good, and binds as well. */
static void shared(void **state) {
    (void)state;
    HthBuf file, out;
    HthReceipt *r = NULL, *again = NULL;
    char salt[2 * HTH_SALT_BYTES + 1];
    sample(&file);
    hth_buf_init(&out, MAX);
    assert_ok(hth_receipt_open(&r, hth_buf_str(&file), &err), err);
    assert_ok(hth_receipt_share(&out, r, &err), err);
    hth_hex(salt, r->salt, HTH_SALT_BYTES);
    assert_non_null(strstr(file.p, salt));
    assert_null(strstr(out.p, salt));
    assert_null(strstr(out.p, "holder"));
    assert_ok(hth_receipt_open(&again, hth_buf_str(&out), &err), err);
    assert_ok(hth_receipt_check(again, &key, 1, NULL, &err), err);
    assert_false(again->held);
    assert_true(json_equal(again->statement, r->statement));
    assert_null(strstr(hth_buf_str(&r->envelope.payload).p, salt));
    mutate_all(&out, 1);
    hth_receipt_close(&r);
    hth_receipt_close(&again);
    hth_buf_drop(&file);
    hth_buf_drop(&out);
}

/* Properly signed, and no receipt of ours all the same. */
static HthStatus look_at_payload(const char *type, HthStr payload) {
    const HthDsseSigner by = { signer, key.id };
    json_t *v = NULL;
    HthBuf file;
    hth_buf_init(&file, MAX);
    assert_ok(hth_dsse_sign(&v, hth_str(type), payload, &by, 1, &err), err);
    assert_ok(hth_jcs_write(&file, v, &err), err);
    assert_ok(hth_buf_add_char(&file, '\n', &err), err);
    json_decref(v);
    const HthStatus st = look(hth_buf_str(&file));
    hth_buf_drop(&file);
    return st;
}

static void swap(HthBuf *out, HthStr in, const char *from, const char *to) {
    const size_t at = hth_str_find(in, hth_str(from));
    assert_true(at != SIZE_MAX);
    hth_buf_clear(out);
    assert_ok(hth_buf_add(out, in.p, at, &err), err);
    assert_ok(hth_buf_add_str(out, hth_str(to), &err), err);
    assert_ok(hth_buf_add_str(out, hth_str_sub(in, at + strlen(from), SIZE_MAX), &err), err);
}

/* Those that lay over the model: in their order, scales to the last bit; or nothing. */
static void adapters(void **state) {
    (void)state;
    static const char list[] = "\"adapters\":[{";
    static const struct {
        const char *from, *to;
    } rows[] = {
        { "\"scale\":\"0.5\"", "\"scale\":\"0.50\"" },
        { "\"scale\":\"0.5\"", "\"scale\":\"0\"" },
        { "\"scale\":\"0.5\"", "\"scale\":\"1e300\"" },
        { "\"scale\":\"0.5\"", "\"scale\":\"x\"" },
        { "\"scale\":\"0.5\"", "\"scale\":0.5" },
        { "\"scale\":\"0.5\"", "\"scalf\":\"0.5\"" },
        { "\"scale\":\"0.5\"", "\"more\":1,\"scale\":\"0.5\"" },
        { "\"adapters\":[", "\"adapters\":[null," },
        { "\"adapters\":[", "\"adapterz\":[" },
    };
    json_t *sampler = sample_sampler();
    HthReceiptIn in = sample_receipt(sampler);
    HthReceiptAdapters *a = &in.facts.adapters;
    HthBuf file, other;
    HthReceipt *r = NULL;
    hth_buf_init(&other, MAX);
    sample(&file);
    assert_ok(hth_receipt_open(&r, hth_buf_str(&file), &err), err);
    assert_int_equal(hth_str_find(hth_buf_str(&r->envelope.payload), HTH_STR("adapter")), SIZE_MAX);
    swap(&other, hth_buf_str(&r->envelope.payload), "\"model\":{", "\"model\":{\"adapters\":[],");
    assert_status(look_at_payload(HTH_DSSE_IN_TOTO, hth_buf_str(&other)), HTH_EFORMAT, err);
    hth_receipt_close(&r);
    hth_buf_drop(&file);
    a->count = 2;
    hth_digests(&a->one[0].digest, "first", 5);
    hth_digests(&a->one[1].digest, "second", 6);
    a->one[0].scale = 0.5f;
    a->one[1].scale = -1.0f / 3;
    assert_ok(make(&file, &in), err);
    assert_ok(hth_receipt_open(&r, hth_buf_str(&file), &err), err);
    assert_int_equal(r->facts.adapters.count, 2);
    for (int i = 0; i < 2; i++)
        assert_true(hth_digests_eq(&r->facts.adapters.one[i].digest, &a->one[i].digest) &&
                    r->facts.adapters.one[i].scale == a->one[i].scale);
    const HthStr good = hth_buf_str(&r->envelope.payload);
    assert_true(hth_str_find(good, hth_str(list)) != SIZE_MAX);
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        swap(&other, good, rows[i].from, rows[i].to);
        if (look_at_payload(HTH_DSSE_IN_TOTO, hth_buf_str(&other)) != HTH_EFORMAT)
            fail_msg("%s as %s: %s", rows[i].from, rows[i].to, hth_status_name(err.status));
    }
    hth_receipt_close(&r);
    hth_buf_drop(&file);
    a->one[1].scale = 0.0f;
    assert_status(make(&file, &in), HTH_EINVAL, err);
    hth_buf_drop(&file);
    a->one[1].scale = 1.0f;
    a->count = HTH_RECEIPT_ADAPTERS_MAX + 1;
    assert_status(make(&file, &in), HTH_EINVAL, err);
    hth_buf_drop(&file);
    hth_buf_drop(&other);
    json_decref(sampler);
}

#define UPPER "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"

static void signed_nonsense(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        HthStatus want;
    } rows[] = {
        { "receipt/v1", "receipt/v2", HTH_ENOTSUP },
        { "hearth.invalid/receipt", "example.org/receipt", HTH_EFORMAT },
        { "Statement/v1", "Statement/v0.1", HTH_EFORMAT },
        { "\"finish\":\"stop\"", "\"finish\":\"\"", HTH_EFORMAT },
        { "\"finish\":\"stop\"", "\"finish\":\"a b\"", HTH_EFORMAT },
        { "\"finish\":\"stop\"", "\"finish\":7", HTH_EFORMAT },
        { "\"finish\":\"stop\"", "\"finish\":\"stop\",\"more\":1", HTH_EFORMAT },
        { "\"kv\":\"f16\"", "\"kw\":\"f16\"", HTH_EFORMAT },
        { "\"tokens\":5", "\"tokens\":-5", HTH_EFORMAT },
        { "\"tokens\":5", "\"tokens\":5.5", HTH_EFORMAT },
        { "\"cage\":null", "\"cage\":\"yes\"", HTH_EFORMAT },
        { "\"cage\":null", "\"cage\": null", HTH_EFORMAT },
        { "\"cage\":null", "\"cage\":\"" UPPER "\"", HTH_EFORMAT },
        { "\"format\":null", "\"format\":\"" UPPER "\"", HTH_EFORMAT },
        { "18446744073709551615", "18446744073709551616", HTH_EFORMAT },
        { "18446744073709551615", "018446744073709551615", HTH_EFORMAT },
        { "\"top_k\":\"40\"", "\"top_k\":40", HTH_EFORMAT },
        { "2026-11-22T", "2026-11-32T", HTH_EFORMAT },
        { "2026-11-22T", "2026-11-22 ", HTH_EFORMAT },
        { ",\"stopTexts\":2", "", HTH_EFORMAT },
    };
    HthBuf file, other;
    HthReceipt *r = NULL;
    sample(&file);
    hth_buf_init(&other, MAX);
    assert_ok(hth_receipt_open(&r, hth_buf_str(&file), &err), err);
    const HthStr good = hth_buf_str(&r->envelope.payload);
    assert_ok(look_at_payload(HTH_DSSE_IN_TOTO, good), err);
    assert_status(look_at_payload("application/json", good), HTH_EFORMAT, err);
    assert_status(look_at_payload(HTH_DSSE_IN_TOTO, HTH_STR("{}")), HTH_EFORMAT, err);
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        swap(&other, good, rows[i].from, rows[i].to);
        if (look_at_payload(HTH_DSSE_IN_TOTO, hth_buf_str(&other)) != rows[i].want)
            fail_msg("%s as %s: %s", rows[i].from, rows[i].to, hth_status_name(err.status));
    }
    hth_receipt_close(&r);
    hth_buf_drop(&file);
    hth_buf_drop(&other);
}

/* What cannot be said is not half said. */
static void unspeakable(void **state) {
    (void)state;
    json_t *sampler = sample_sampler(), *numbers = json_pack("{s:i}", "top_k", 40);
    const HthReceiptIn good = sample_receipt(sampler);
    HthReceiptIn bad[7];
    for (size_t i = 0; i < HTH_COUNT(bad); i++) bad[i] = good;
    bad[0].facts.finish = (HthStr){ 0 };
    bad[1].facts.version = HTH_STR("1 2");
    bad[2].facts.ctx = ((uint64_t)1 << 53) + 1;
    bad[3].facts.sampler = numbers;
    bad[4].facts.cage = HTH_STR("abc");
    bad[5].facts.unix_s = -1;
    bad[6].id_count = HTH_RECEIPT_IDS_MAX + 1;
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        HthBuf file;
        assert_status(make(&file, &bad[i]), HTH_EINVAL, err);
        assert_int_equal(file.n, 0);
        hth_buf_drop(&file);
    }
    json_decref(sampler);
    json_decref(numbers);
}

/* ---- failures ------------------------------------------------------------------------------- */

static HthStatus make_and_look(void *ctx) {
    HthBuf file;
    HthStatus st = make(&file, ctx);
    assert_true(st == HTH_OK || file.n == 0);
    if (st == HTH_OK) st = look(hth_buf_str(&file));
    hth_buf_drop(&file);
    return st;
}

static void out_of_memory(void **state) {
    (void)state;
    json_t *sampler = sample_sampler();
    HthReceiptIn in = sample_receipt(sampler);
    assert_true(test_torture(make_and_look, &in, 5000) > 100);
    json_decref(sampler);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_and_read),
        cmocka_unit_test(salted),
        cmocka_unit_test(bare_and_full),
        cmocka_unit_test(every_byte_binds),
        cmocka_unit_test(every_length_binds),
        cmocka_unit_test(who_signed),
        cmocka_unit_test(shared),
        cmocka_unit_test(adapters),
        cmocka_unit_test(signed_nonsense),
        cmocka_unit_test(unspeakable),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
