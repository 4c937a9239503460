/* hash_test.c - published answers, pieces equal to wholes, files, strict spellings. */
#include "support/test.h"

#include <fcntl.h>

#include "base/rng.h"
#include "crypt/hash.h"

static void expect(HthHashKind kind, const void *bytes, size_t n, const char *want) {
    uint8_t d[HTH_HASH_BYTES];
    char hex[HTH_HASH_HEX + 1];
    hth_hash(kind, bytes, n, d);
    hth_hex(hex, d, sizeof d);
    assert_string_equal(hex, want);
}

/* FIPS 180-4 and FIPS 202, the examples NIST publishes with them. */
static void published_answers(void **state) {
    (void)state;
    static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    expect(HTH_SHA256, NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(HTH_SHA256, "abc", 3,
           "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(HTH_SHA256, two, sizeof two - 1,
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    expect(HTH_SHA3_256, "abc", 3,
           "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
    expect(HTH_SHA3_256, two, sizeof two - 1,
           "41c0dba2a9d6240849100376a8235e2c82e1b9998a999e21db32dd97496d3376");
}

/* XKCP's short messages of whole bytes, whole and cut in two. */
static void keccak_team_answers(void **state) {
    (void)state;
    char path[512];
    TEST_DATA_OR_SKIP(path, "vectors/sha3/ShortMsgKAT_SHA3-256.txt");
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    static char line[8192];
    static uint8_t msg[4096];
    unsigned bits = 1, seen = 0;
    while (fgets(line, sizeof line, f)) {
        const HthStr text = hth_str_trim(hth_str(line));
        if (sscanf(line, "Len = %u", &bits) == 1 || bits % 8) continue;
        if (hth_str_starts(text, HTH_STR("Msg = ")) && bits) {
            assert_true(hth_unhex(msg, bits / 8, hth_str_sub(text, 6, text.n)));
        } else if (hth_str_starts(text, HTH_STR("MD = "))) {
            uint8_t want[HTH_HASH_BYTES], got[HTH_HASH_BYTES];
            assert_true(hth_unhex(want, sizeof want, hth_str_sub(text, 5, text.n)));
            hth_hash(HTH_SHA3_256, msg, bits / 8, got);
            assert_memory_equal(got, want, sizeof want);
            HthHash h = { 0 };
            HthErr err;
            const size_t cut = hth_rng_below(1, 0, bits, bits / 8 + 1);
            assert_ok(hth_hash_begin(&h, HTH_SHA3_256, &err), err);
            hth_hash_add(&h, msg, cut);
            hth_hash_add(&h, msg + cut, bits / 8 - cut);
            hth_hash_end(&h, got);
            assert_memory_equal(got, want, sizeof want);
            seen++;
        }
    }
    fclose(f);
    assert_int_equal(seen, 256);
}

static bool count_calls(void *payload, uint64_t done, uint64_t total) {
    int *left = payload;
    assert_true(done <= total);
    return (*left)-- > 0;
}

static void files(void **state) {
    (void)state;
    char path[] = "/tmp/hearth-hash-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    enum { N = (1 << 20) * 2 + 12345 };
    uint8_t *bytes = hth_calloc(1, N), want[HTH_HASH_BYTES], got[HTH_HASH_BYTES] = { 0 };
    for (size_t i = 0; i < N; i++) bytes[i] = (uint8_t)(hth_rng_u32(2, 0, i / 4) >> 8 * (i % 4));
    assert_int_equal(write(fd, bytes, N), N);
    for (int kind = HTH_SHA256; kind <= HTH_SHA3_256; kind++) {
        HthErr err;
        hth_hash((HthHashKind)kind, bytes, N, want);
        int left = 100;
        assert_ok(hth_hash_fd((HthHashKind)kind, fd, "it", count_calls, &left, got, &err), err);
        assert_memory_equal(got, want, sizeof want);
        assert_int_equal(left, 97);
    }
    HthErr err;
    int left = 1;
    const uint64_t live = hth_mem_live();
    assert_status(hth_hash_fd(HTH_SHA256, fd, "it", count_calls, &left, got, &err), HTH_ECANCELED,
                  err);
    assert_memory_equal(got, want, sizeof want); /* untouched */
    for (uint64_t nth = 1; nth <= 4; nth++) {
        hth_file_fail_after(nth);
        assert_status(hth_hash_fd(HTH_SHA256, fd, "it", NULL, NULL, got, &err), HTH_EIO, err);
        hth_file_fail_after(0);
        assert_non_null(strstr(err.text, "cannot read it"));
    }
    hth_mem_fail_after(1);
    assert_status(hth_hash_fd(HTH_SHA256, fd, "it", NULL, NULL, got, &err), HTH_ENOMEM, err);
    hth_mem_fail_after(0);
    assert_int_equal(hth_mem_live(), live);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_status(hth_hash_fd(HTH_SHA256, ends[0], "it", NULL, NULL, got, &err), HTH_EINVAL, err);
    close(ends[0]);
    close(ends[1]);
    hth_free(bytes);
    close(fd);
    unlink(path);
}

static bool grow(void *payload, uint64_t done, uint64_t total) {
    const int fd = *(int *)payload;
    (void)done;
    assert_int_equal(ftruncate(fd, total > 50 ? 10 : 100), 0);
    return true;
}

/* A file that changes under the reader has no digest. */
static void changing_files(void **state) {
    (void)state;
    char path[] = "/tmp/hearth-hash-XXXXXX";
    int fd = mkstemp(path);
    for (int big = 0; big < 2; big++) {
        HthErr err;
        uint8_t got[HTH_HASH_BYTES];
        assert_int_equal(ftruncate(fd, big ? 3 << 20 : 50), 0);
        assert_status(hth_hash_fd(HTH_SHA256, fd, "it", grow, &fd, got, &err), HTH_EFORMAT, err);
        assert_non_null(strstr(err.text, big ? "shorter" : "longer"));
    }
    close(fd);
    unlink(path);
}

static void hex(void **state) {
    (void)state;
    uint8_t b[3] = { 9, 9, 9 };
    assert_true(hth_unhex(b, 3, HTH_STR("00fFa5")));
    assert_memory_equal(b, "\x00\xff\xa5", 3);
    static const char *const wrong[] = { "",       "00ff",   "00ffa55a", "00ffa",
                                         "00ffag", " 0ffa5", "00ff+5",   "00ff/5",
                                         "00ff:5", "00ff@5", "00ff`5" };
    for (size_t i = 0; i < HTH_COUNT(wrong); i++) assert_false(hth_unhex(b, 3, hth_str(wrong[i])));
    assert_memory_equal(b, "\x00\xff\xa5", 3);
    assert_true(hth_unhex(NULL, 0, HTH_STR("")));
}

/* RFC 4648 section 10, and what is not base64. */
static void base64(void **state) {
    (void)state;
    static const struct {
        const char *plain, *std, *url;
    } rows[] = {
        { "", "", "" },
        { "f", "Zg==", "Zg" },
        { "fo", "Zm8=", "Zm8" },
        { "foo", "Zm9v", "Zm9v" },
        { "foob", "Zm9vYg==", "Zm9vYg" },
        { "fooba", "Zm9vYmE=", "Zm9vYmE" },
        { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
        { "\xfb\xff", "+/8=", "-_8" },
    };
    HthErr err;
    HthBuf b;
    for (size_t i = 0; i < HTH_COUNT(rows); i++)
        for (int form = HTH_BASE64; form <= HTH_BASE64_URL; form++) {
            const char *want = form == HTH_BASE64 ? rows[i].std : rows[i].url;
            hth_buf_init(&b, strlen(want));
            assert_ok(hth_base64(&b, (HthBase64)form, rows[i].plain, strlen(rows[i].plain), &err),
                      err);
            assert_string_equal(hth_buf_str(&b).p, want);
            hth_buf_drop(&b);
            hth_buf_init(&b, strlen(rows[i].plain));
            assert_ok(hth_unbase64(&b, (HthBase64)form, hth_str(want), &err), err);
            assert_string_equal(hth_buf_str(&b).p, rows[i].plain);
            hth_buf_drop(&b);
        }
    static const char *const wrong[] = { "Z",     "Zg",   "Zg=",      "Zh==", "Zm9v\n",
                                         "Zm 9v", "-_8=", "Zg==Zg==", "====", "Zm9vYg===" };
    hth_buf_init(&b, 100);
    for (size_t i = 0; i < HTH_COUNT(wrong); i++)
        assert_status(hth_unbase64(&b, HTH_BASE64, hth_str(wrong[i]), &err), HTH_EINVAL, err);
    for (int c = 0x80; c <= 0xFF; c++) { /* no digit has its high bit set */
        const char four[4] = { 'Z', (char)c, '9', 'v' };
        for (int form = HTH_BASE64; form <= HTH_BASE64_URL; form++)
            assert_status(hth_unbase64(&b, (HthBase64)form, (HthStr){ four, 4 }, &err), HTH_EINVAL,
                          err);
    }
    assert_status(hth_unbase64(&b, HTH_BASE64_URL, HTH_STR("Zg=="), &err), HTH_EINVAL, err);
    assert_status(hth_unbase64(&b, HTH_BASE64_URL, HTH_STR("+/8"), &err), HTH_EINVAL, err);
    assert_int_equal(b.n, 0);
    hth_buf_drop(&b);
    hth_buf_init(&b, 3);
    assert_status(hth_base64(&b, HTH_BASE64, "x", 1, &err), HTH_ELIMIT, err);
    assert_status(hth_unbase64(&b, HTH_BASE64, HTH_STR("Zm9vYg=="), &err), HTH_ELIMIT, err);
    hth_buf_drop(&b);
}

static void any_bytes_there_and_back(void **state) {
    (void)state;
    uint8_t bytes[67];
    for (uint64_t seed = 0; seed < 500; seed++) {
        const size_t n = hth_rng_below(seed, 1, 0, sizeof bytes + 1);
        hth_random(bytes, n);
        HthErr err;
        HthBuf text, back;
        hth_buf_init(&text, 200);
        hth_buf_init(&back, 200);
        const HthBase64 form = seed % 2 ? HTH_BASE64 : HTH_BASE64_URL;
        assert_ok(hth_base64(&text, form, bytes, n, &err), err);
        assert_ok(hth_unbase64(&back, form, hth_buf_str(&text), &err), err);
        assert_int_equal(back.n, n);
        if (n) assert_memory_equal(back.p, bytes, n);
        hth_buf_drop(&text);
        hth_buf_drop(&back);
    }
}

static void secrets(void **state) {
    (void)state;
    uint8_t a[32], b[32];
    hth_random(a, sizeof a);
    hth_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_false(hth_secret_equal(a, b, sizeof a));
    memcpy(b, a, sizeof a);
    assert_true(hth_secret_equal(a, b, sizeof a));
    b[31] ^= 1;
    assert_false(hth_secret_equal(a, b, sizeof a));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_answers),
        cmocka_unit_test(keccak_team_answers),
        cmocka_unit_test(files),
        cmocka_unit_test(changing_files),
        cmocka_unit_test(hex),
        cmocka_unit_test(base64),
        cmocka_unit_test(secrets),
        cmocka_unit_test(any_bytes_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
