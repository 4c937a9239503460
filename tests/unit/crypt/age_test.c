/* age_test.c - CCTV's whole testkit for age; keys as age-keygen prints them; round trips. */
#include "support/test.h"

#include <dirent.h>
#include <dlfcn.h>

#include "base/rng.h"
#include "crypt/age_int.h"
#include "crypt/hash.h"
#include "crypt/sign.h"
#include "support/bech32.h"
#include "support/memory.h"

/* One pair that age-keygen 1.1.1 printed. */
#define PAIR_SECRET "AGE-SECRET-KEY-133P0MVXD4F8HKDUJWQZ5XPS8L8ASZLFTHDZQ2VM56KZ2ZJKVV48S92HFAZ"
#define PAIR_PUBLIC "age15smdt3c0x7j75yvrsurv3qf486nn8cxvvv34kaw00ndt7k5rfqcqhz77c5"

/* Everything from an age file, `room` bytes at a time. */
static HthStatus read_all(Memory *m, HthAgeFrom from, size_t room, HthBuf *out, HthErr *err) {
    HthAgeIn *in = NULL;
    char *piece = hth_calloc(1, room);
    if (!piece) return HTH_ENOMEM;
    from.source = memory_source;
    from.payload = m;
    HthStatus status = hth_age_in_open(&in, &from, err);
    for (size_t n = 1; status == HTH_OK && n;) {
        status = hth_age_in_read(in, piece, room, &n, err);
        if (status == HTH_OK) status = hth_buf_add(out, piece, n, err);
    }
    hth_age_in_close(&in);
    hth_free(piece);
    return status;
}

/* ---- the testkit ----------------------------------------------------------------------------- */

enum { FILES = 143, HYBRID = 19 };

typedef struct Case {
    char expect[24], compressed[8];
    uint8_t payload[HTH_HASH_BYTES];
    uint8_t keys[HTH_AGE_KEYS_MAX][HTH_AGE_KEY_BYTES];
    size_t key_count;
    HthStr passphrase;
    bool hybrid;
    HthStr bytes;
} Case;

static void copy(char *out, size_t room, HthStr s) {
    assert_true(s.n < room);
    memcpy(out, s.p, s.n);
    out[s.n] = 0;
}

static void parse_case(Case *c, HthStr file) {
    HthErr err = { 0 };
    *c = (Case){ .key_count = 0 };
    for (;;) {
        const size_t end = hth_str_find(file, HTH_STR("\n"));
        assert_true(end != SIZE_MAX);
        const HthStr line = hth_str_sub(file, 0, end);
        file = hth_str_sub(file, end + 1, SIZE_MAX);
        if (!line.n) break;
        const size_t colon = hth_str_find(line, HTH_STR(": "));
        assert_true(colon != SIZE_MAX);
        const HthStr name = hth_str_sub(line, 0, colon), v = hth_str_sub(line, colon + 2, SIZE_MAX);
        if (hth_str_eq(name, HTH_STR("expect"))) copy(c->expect, sizeof c->expect, v);
        if (hth_str_eq(name, HTH_STR("compressed"))) copy(c->compressed, sizeof c->compressed, v);
        if (hth_str_eq(name, HTH_STR("payload"))) assert_true(hth_unhex(c->payload, 32, v));
        if (hth_str_eq(name, HTH_STR("passphrase")) && !c->passphrase.n) c->passphrase = v;
        if (!hth_str_eq(name, HTH_STR("identity"))) continue;
        if (hth_str_starts(v, HTH_STR("AGE-SECRET-KEY-PQ-")))
            c->hybrid = true;
        else
            assert_ok(hth_age_identity(c->keys[c->key_count++], v, &err), err);
    }
    c->bytes = file;
}

/* zlib's uncompress: the library is on every machine that has a package manager, and only this
 * test wants it. */
static void inflate_case(Memory *m, HthStr bytes) {
    void *lib = dlopen("libz.so.1", RTLD_NOW);
    assert_non_null(lib);
    int (*uncompress)(unsigned char *, unsigned long *, const unsigned char *, unsigned long);
    *(void **)(&uncompress) = dlsym(lib, "uncompress");
    assert_non_null(uncompress);
    unsigned long n = 32 << 20;
    unsigned char *room = hth_calloc(1, n);
    assert_non_null(room);
    assert_int_equal(uncompress(room, &n, (const unsigned char *)bytes.p, bytes.n), 0);
    HthErr err = { 0 };
    assert_ok(hth_buf_add(&m->b, room, n, &err), err);
    hth_free(room);
    dlclose(lib);
}

static void run_case(const char *name, const Case *c, size_t step) {
    static const struct {
        const char *expect;
        HthStatus status;
        const char *says;
    } kinds[] = {
        { "success", HTH_OK, "" },
        { "no match", HTH_EDENIED, "open" },
        { "header failure", HTH_EFORMAT, "header of the age file" },
        { "armor failure", HTH_EFORMAT, "armor" },
        { "HMAC failure", HTH_EFORMAT, "MAC" },
        { "payload failure", HTH_EFORMAT, "contents of the age file" },
    };
    Memory m = { .step = step };
    HthBuf out;
    HthErr err = { 0 };
    hth_buf_init(&m.b, 64 << 20);
    hth_buf_init(&out, 64 << 20);
    if (c->compressed[0])
        inflate_case(&m, c->bytes);
    else
        assert_ok(hth_buf_add_str(&m.b, c->bytes, &err), err);
    const HthAgeFrom from = { .identities = c->keys,
                              .count = c->key_count,
                              .passphrase = c->passphrase };
    const HthStatus status = read_all(&m, from, step ? step : 100000, &out, &err);
    size_t k = 0;
    while (k < HTH_COUNT(kinds) && strcmp(c->expect, kinds[k].expect) != 0) k++;
    assert_true(k < HTH_COUNT(kinds));
    if (status != kinds[k].status || (status != HTH_OK && !strstr(err.text, kinds[k].says)))
        fail_msg("%s: wanted %s, got %s: %s", name, c->expect, hth_status_name(status), err.text);
    if (status == HTH_OK) {
        uint8_t sum[HTH_HASH_BYTES];
        hth_hash(HTH_SHA256, out.p, out.n, sum);
        assert_memory_equal(sum, c->payload, sizeof sum);
    }
    hth_buf_drop(&out);
    hth_buf_drop(&m.b);
}

static void testkit(void **state) {
    (void)state;
    char folder[512], path[1024];
    unsigned done = 0, skipped = 0;
    TEST_DATA_OR_SKIP(folder, "vectors/age_testkit/age/testdata");
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        HthBuf file;
        Case c;
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        test_load(&file, path);
        parse_case(&c, hth_buf_str(&file));
        if (c.hybrid) {
            print_message("skipped: %s wants MLKEM768-X25519, which hearth does not have\n",
                          e->d_name);
            skipped++;
        } else {
            run_case(e->d_name, &c, 0);
            if (c.bytes.n < 4096 && !c.passphrase.n) run_case(e->d_name, &c, 1);
            done++;
        }
        hth_buf_drop(&file);
    }
    closedir(d);
    print_message("%u files as the testkit says, %u hybrid ones skipped\n", done, skipped);
    assert_int_equal(done + skipped, FILES);
    assert_int_equal(skipped, HYBRID);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void keys(void **state) {
    (void)state;
    uint8_t secret[32], pub[32], want[32];
    char text[BECH32_TEXT];
    HthErr err = { 0 };
    assert_ok(hth_age_identity(secret, HTH_STR(PAIR_SECRET), &err), err);
    assert_ok(hth_age_recipient(want, HTH_STR(PAIR_PUBLIC), &err), err);
    hth_x25519_base(pub, secret);
    assert_memory_equal(pub, want, 32);
    bech32(text, "age", pub, 0, 0);
    assert_string_equal(text, PAIR_PUBLIC);
    bech32(text, "age-secret-key-", secret, 0, 1);
    assert_string_equal(text, PAIR_SECRET);
    /* any character changed, any letter in the other case, one too many, one too few */
    for (size_t i = 0; i < strlen(PAIR_PUBLIC); i++) {
        memcpy(text, PAIR_PUBLIC, sizeof PAIR_PUBLIC);
        text[i] = text[i] == 'q' ? 'p' : 'q';
        assert_status(hth_age_recipient(pub, hth_str(text), &err), HTH_EINVAL, err);
        memcpy(text, PAIR_PUBLIC, sizeof PAIR_PUBLIC);
        if (text[i] < 'a') continue;
        text[i] = (char)(text[i] - 32);
        assert_status(hth_age_recipient(pub, hth_str(text), &err), HTH_EINVAL, err);
    }
    const HthStr whole = HTH_STR(PAIR_PUBLIC);
    for (size_t n = 0; n < whole.n; n++)
        assert_status(hth_age_recipient(pub, hth_str_sub(whole, 0, n), &err), HTH_EINVAL, err);
    assert_status(hth_age_recipient(pub, HTH_STR(PAIR_PUBLIC "q"), &err), HTH_EINVAL, err);
    assert_status(hth_age_recipient(pub, HTH_STR(PAIR_SECRET), &err), HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "secret key"));
    assert_null(strstr(err.text, PAIR_SECRET));
    assert_memory_equal(pub, want, 32); /* untouched */
    for (uint64_t seed = 0; seed < 200; seed++) {
        for (unsigned i = 0; i < 32; i++) secret[i] = (uint8_t)hth_rng_u32(seed, 7, i);
        bech32(text, "age-secret-key-", secret, 0, 1);
        assert_ok(hth_age_identity(pub, hth_str(text), &err), err);
        assert_memory_equal(pub, secret, 32);
        bech32(text, "age-secret-key-", secret, 1 + seed % 15, 1); /* a second spelling */
        assert_status(hth_age_identity(pub, hth_str(text), &err), HTH_EINVAL, err);
    }
}

static void key_files(void **state) {
    (void)state;
    uint8_t all[HTH_AGE_KEYS_MAX][HTH_AGE_KEY_BYTES];
    size_t n = 0;
    HthErr err = { 0 };
    const HthStr good =
        HTH_STR("# created: today\n# public key: " PAIR_PUBLIC "\n\n " PAIR_SECRET " \r\n");
    assert_ok(hth_age_identities(all, &n, good, &err), err);
    assert_int_equal(n, 1);
    assert_ok(hth_age_identities(all, &n, HTH_STR(PAIR_SECRET), &err), err);
    assert_int_equal(n, 2);
    assert_status(hth_age_identities(all, &n, HTH_STR("#\n\nAGE-SECRET-KEY-1X\n"), &err),
                  HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "line 3"));
    assert_int_equal(n, 2);
    n = HTH_AGE_KEYS_MAX;
    assert_status(hth_age_recipients(all, &n, HTH_STR(PAIR_PUBLIC), &err), HTH_EINVAL, err);
}

/* ---- round trips ----------------------------------------------------------------------------- */

typedef struct Pair {
    uint8_t secret[1][32], pub[1][32];
} Pair;

static Pair pair(void) {
    Pair p;
    HthErr err = { 0 };
    assert_ok(hth_age_identity(p.secret[0], HTH_STR(PAIR_SECRET), &err), err);
    assert_ok(hth_age_recipient(p.pub[0], HTH_STR(PAIR_PUBLIC), &err), err);
    return p;
}

/* n bytes in pieces of `piece` to m. */
static HthStatus write_all(Memory *m, HthAgeTo to, size_t n, size_t piece, HthErr *err) {
    HthAgeOut *out = NULL;
    uint8_t bytes[4096];
    to.sink = memory_sink;
    to.payload = m;
    HthStatus status = hth_age_out_open(&out, &to, err);
    for (size_t at = 0; status == HTH_OK && at < n;) {
        size_t take = n - at < piece ? n - at : piece;
        if (take > sizeof bytes) take = sizeof bytes;
        for (size_t i = 0; i < take; i++) bytes[i] = (uint8_t)((at + i) * 2654435761U >> 13);
        status = hth_age_out_add(out, bytes, take, err);
        at += take;
    }
    if (status == HTH_OK) status = hth_age_out_end(&out, err);
    hth_age_out_abort(&out);
    return status;
}

static void check_bytes(const HthBuf *b, size_t n) {
    assert_int_equal(b->n, n);
    for (size_t i = 0; i < n; i++)
        if ((uint8_t)b->p[i] != (uint8_t)(i * 2654435761U >> 13)) fail_msg("byte %zu", i);
}

static void round_trips(void **state) {
    (void)state;
    static const size_t sizes[] = { 0,     1,      65519,  65520,  65535, 65536,
                                    65537, 131071, 131072, 131073, 300000 };
    static const size_t pieces[] = { 1, 977, 4096 };
    const Pair p = pair();
    for (size_t s = 0; s < HTH_COUNT(sizes); s++)
        for (size_t k = s < 4 ? 0 : 1; k < HTH_COUNT(pieces); k++) {
            Memory m = { .step = pieces[k] };
            HthBuf out;
            HthErr err = { 0 };
            hth_buf_init(&m.b, 1 << 20);
            hth_buf_init(&out, 1 << 20);
            const HthAgeTo to = { .recipients = p.pub, .count = 1 };
            assert_ok(write_all(&m, to, sizes[s], pieces[k], &err), err);
            const HthAgeFrom from = { .identities = p.secret, .count = 1 };
            assert_ok(read_all(&m, from, pieces[k] + 1, &out, &err), err);
            check_bytes(&out, sizes[s]);
            hth_buf_drop(&out);
            hth_buf_drop(&m.b);
        }
}

static void for_a_passphrase(void **state) {
    (void)state;
    Memory m = { .step = 0 };
    HthBuf out;
    HthErr err = { 0 };
    hth_buf_init(&m.b, 1 << 20);
    hth_buf_init(&out, 1 << 20);
    const HthAgeTo to = { .passphrase = HTH_STR("correct horse"), .work = 4 };
    assert_ok(write_all(&m, to, 1000, 100, &err), err);
    assert_ok(read_all(&m, (HthAgeFrom){ .passphrase = HTH_STR("correct horse") }, 64, &out, &err),
              err);
    check_bytes(&out, 1000);
    m.at = 0;
    assert_status(
        read_all(&m, (HthAgeFrom){ .passphrase = HTH_STR("Correct horse") }, 64, &out, &err),
        HTH_EDENIED, err);
    m.at = 0;
    const Pair p = pair();
    assert_status(read_all(&m, (HthAgeFrom){ .identities = p.secret, .count = 1 }, 64, &out, &err),
                  HTH_EDENIED, err);
    assert_non_null(strstr(err.text, "passphrase"));
    hth_buf_clear(&m.b);
    assert_status(write_all(&m, (HthAgeTo){ .count = 0 }, 1, 1, &err), HTH_EINVAL, err);
    assert_int_equal(m.b.n, 0);
    hth_buf_drop(&out);
    hth_buf_drop(&m.b);
}

/* Every byte changed, and every length but the whole: never opened to the end. */
static void every_byte(void **state) {
    (void)state;
    const Pair p = pair();
    Memory m = { .step = 0 };
    HthErr err = { 0 };
    const HthAgeFrom from = { .identities = p.secret, .count = 1 };
    hth_buf_init(&m.b, 1 << 20);
    assert_ok(write_all(&m, (HthAgeTo){ .recipients = p.pub, .count = 1 }, 300, 300, &err), err);
    const size_t whole = m.b.n;
    for (size_t i = 0; i < whole; i++)
        for (unsigned bit = 0; bit < 8; bit += 3) {
            HthBuf out;
            hth_buf_init(&out, 1 << 20);
            m.at = 0;
            m.b.p[i] = (char)(m.b.p[i] ^ 1 << bit);
            if (read_all(&m, from, 512, &out, &err) == HTH_OK) fail_msg("byte %zu bit %u", i, bit);
            m.b.p[i] = (char)(m.b.p[i] ^ 1 << bit);
            hth_buf_drop(&out);
        }
    for (size_t n = 0; n < whole; n++) {
        HthBuf out;
        hth_buf_init(&out, 1 << 20);
        m.at = 0;
        m.b.n = n;
        assert_status(read_all(&m, from, 512, &out, &err), HTH_EFORMAT, err);
        hth_buf_drop(&out);
    }
    hth_buf_drop(&m.b);
}

static void a_sink_that_fails(void **state) {
    (void)state;
    const Pair p = pair();
    for (size_t at = 1; at < 140000; at += 9973) {
        Memory m = { .fail_at = at };
        HthErr err = { 0 };
        hth_buf_init(&m.b, 1 << 20);
        assert_status(
            write_all(&m, (HthAgeTo){ .recipients = p.pub, .count = 1 }, 140000, 4096, &err),
            HTH_EIO, err);
        hth_buf_drop(&m.b);
    }
}

static HthStatus there_and_back(void *ctx) {
    const Pair *p = ctx;
    Memory m = { .step = 0 };
    HthBuf out;
    HthErr err = { 0 };
    hth_buf_init(&m.b, 1 << 20);
    hth_buf_init(&out, 1 << 20);
    HthStatus status =
        write_all(&m, (HthAgeTo){ .recipients = p->pub, .count = 1 }, 1000, 100, &err);
    if (status == HTH_OK)
        status = read_all(&m, (HthAgeFrom){ .identities = p->secret, .count = 1 }, 64, &out, &err);
    hth_buf_drop(&out);
    hth_buf_drop(&m.b);
    return status;
}

static void torture(void **state) {
    (void)state;
    Pair p = pair();
    assert_true(test_torture(there_and_back, &p, 200) > 4);
}

/* Base64 has 64 digits: none of the bytes above them is one, wherever it stands. */
static void digits(void **state) {
    (void)state;
    uint8_t three[3];
    for (int at = 0; at < 4; at++)
        for (int c = 0x80; c <= 0xFF; c++) {
            char four[] = "Zm9v";
            assert_true(hth_age_unbase(three, 3, (HthStr){ four, 4 }));
            four[at] = (char)c;
            assert_false(hth_age_unbase(three, 3, (HthStr){ four, 4 }));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(testkit),
        cmocka_unit_test(keys),
        cmocka_unit_test(digits),
        cmocka_unit_test(key_files),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(every_byte),
        cmocka_unit_test(for_a_passphrase),
        cmocka_unit_test(torture),
        cmocka_unit_test(a_sink_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
