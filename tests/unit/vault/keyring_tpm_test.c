/* keyring_tpm_test.c - a TPM's slot of the keyring, against swtpm: opened, lost, guessed at,
 * started otherwise, changed; what goes over the bus; failures. */
#include "support/test.h"

#include "base/log.h"
#include "support/folder.h"
#include "support/swtpm.h"
#include "vault/keyring_int.h"

enum { KEY = HTH_RING_KEY_BYTES };

static Swtpm tpm;
static char at_tpm[64];
static const char *pin, *words; /* what is said when it is asked for; NULL: nobody is there */
static int pins_asked;

static HthStatus say(const char *what, char *out, size_t *n, HthErr *err) {
    if (!what) return HTH_FAIL(err, HTH_EDENIED, "nobody is there");
    *n = strlen(what);
    memcpy(out, what, *n);
    return HTH_OK;
}

static HthStatus ask(void *payload, char *out, size_t *n, HthErr *err) {
    (void)payload;
    return say(words, out, n, err);
}

static HthStatus ask_pin(void *payload, char *out, size_t *n, HthErr *err) {
    (void)payload;
    pins_asked++;
    return say(pin, out, n, err);
}

static HthStatus open_ring(HthKeyring **out, HthErr *err) {
    const HthKeyringCfg cfg = { .folder = test_folder,
                                .tpm = tpm.tcti,
                                .ask_pin = ask_pin,
                                .ask = words ? ask : NULL,
                                .make = true };
    return hth_keyring_open(out, &cfg, err);
}

static void opens(const uint8_t want[KEY]) {
    HthKeyring *k = NULL;
    HthErr err = { 0 };
    uint8_t got[KEY];
    assert_ok(open_ring(&k, &err), err);
    hth_keyring_key(k, HTH_KEY_DATABASE, got);
    assert_memory_equal(got, want, KEY);
    hth_keyring_close(&k);
}

static void refused(HthStatus want, const char *says) {
    HthKeyring *k = NULL;
    HthErr err = { 0 };
    const uint64_t live = hth_mem_live();
    assert_status(open_ring(&k, &err), want, err);
    if (!strstr(err.text, says)) fail_msg("%s", err.text);
    assert_int_equal(hth_mem_live(), live);
}

/* A new keyring that only the TPM opens. */
static void only_tpm(uint8_t key[KEY], uint32_t pcrs, const char *with) {
    HthKeyring *k = NULL;
    HthErr err = { 0 };
    assert_ok(open_ring(&k, &err), err);
    assert_ok(hth_keyring_add_tpm(k, tpm.tcti, pcrs, hth_str(with), &err), err);
    assert_ok(hth_keyring_remove(k, 1, &err), err);
    hth_keyring_key(k, HTH_KEY_DATABASE, key);
    hth_keyring_close(&k);
}

static void start_again(const char *folder) {
    swtpm_stop(&tpm);
    assert_true(swtpm_start(&tpm, folder));
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void this_machine_only(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthKeyring *k = NULL;
    HthKeySlot slots[HTH_SLOTS_MAX];
    uint8_t key[KEY];
    uint32_t count;
    char other[64];
    only_tpm(key, 0, "");
    assert_ok(hth_keyring_slots(test_folder, slots, &count, &err), err);
    assert_int_equal(count, 1);
    assert_int_equal(slots[0].kind, HTH_SLOT_TPM);
    assert_int_equal(slots[0].number, 2);
    assert_false(slots[0].pin);
    assert_int_equal(slots[0].pcrs, 0);
    for (int i = 0; i < 10; i++) opens(key); /* more often than it has places for keys */
    start_again(at_tpm);
    opens(key);
    assert_int_equal(pins_asked, 0);

    const HthKeyringCfg without = { .folder = test_folder };
    assert_status(hth_keyring_open(&k, &without, &err), HTH_EDENIED, err);
    assert_non_null(strstr(err.text, "no TPM was asked"));
    snprintf(other, sizeof other, "%s", test_path("another"));
    start_again(other);
    refused(HTH_EDENIED, "another TPM made this slot");
    swtpm_stop(&tpm);
    refused(HTH_EDENIED, "no TPM is reached by");
    assert_true(swtpm_start(&tpm, at_tpm));
    opens(key);
}

static void with_a_pin(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthKeyring *k = NULL;
    uint8_t key[KEY];
    static char huge[HTH_PASSPHRASE_MAX + 1];
    only_tpm(key, 0, "1234");
    pin = "1234";
    opens(key);
    assert_int_equal(pins_asked, 1);
    pin = NULL;
    refused(HTH_EDENIED, "nobody is there");
    pin = "";
    refused(HTH_EDENIED, "no PIN was given");
    pin = "1234";
    assert_ok(open_ring(&k, &err), err);
    const HthStr too_long = { huge, sizeof huge };
    assert_status(hth_keyring_add_tpm(k, tpm.tcti, 0, too_long, &err), HTH_EINVAL, err);
    words = "a way out";
    assert_ok(hth_keyring_passphrase(k, hth_str(words), false, &err), err);
    hth_keyring_close(&k);
    words = NULL;
    pin = "12345";
    refused(HTH_EDENIED, "the PIN is wrong");
    pin = "1234";
    opens(key);
    pin = "0000"; /* the TPM counts */
    for (int i = 0; i < 2; i++) refused(HTH_EDENIED, "the PIN is wrong");
    refused(HTH_EDENIED, "too many wrong PINs");
    pin = "1234";
    refused(HTH_EDENIED, "too many wrong PINs");
    words = "a way out";
    opens(key);
}

static void started_otherwise(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthKeySlot slots[HTH_SLOTS_MAX];
    uint8_t key[KEY];
    uint32_t count;
    pin = "1234";
    only_tpm(key, 1u << 7 | 1u << 23, pin);
    assert_ok(hth_keyring_slots(test_folder, slots, &count, &err), err);
    assert_int_equal(slots[0].pcrs, 1u << 7 | 1u << 23);
    assert_true(slots[0].pin);
    opens(key);
    swtpm_extend(&tpm, 8); /* it is not asked about that one */
    opens(key);
    swtpm_extend(&tpm, 7);
    refused(HTH_EDENIED, "its registers are not what they were");
    start_again(at_tpm); /* and measured as before */
    opens(key);
    swtpm_extend(&tpm, 23);
    refused(HTH_EDENIED, "its registers are not what they were");
}

/* Nobody who changes bytes gets in, or an answer that is not a sentence; sums are made right. */
static void changed(void **state) {
    (void)state;
    uint8_t key[KEY];
    HthBuf b;
    HthErr err = { 0 };
    only_tpm(key, 0, "");
    test_load(&b, test_path("keyring"));
    for (size_t at = 48; at < b.n - 64; at += at < 48 + 160 + 260 ? 5 : 61) {
        HthKeyring *k = NULL;
        b.p[at] ^= 0x11;
        hth_hash(HTH_SHA256, b.p, b.n - 32, (uint8_t *)b.p + b.n - 32);
        assert_ok(hth_file_write(test_path("keyring"), b.p, b.n, 0600, &err), err);
        const HthStatus status = open_ring(&k, &err);
        if (status != HTH_EDENIED && status != HTH_EFORMAT)
            fail_msg("byte %zu: %s %s", at, hth_status_name(status), err.text);
        b.p[at] ^= 0x11;
    }
    hth_hash(HTH_SHA256, b.p, b.n - 32, (uint8_t *)b.p + b.n - 32);
    assert_ok(hth_file_write(test_path("keyring"), b.p, b.n, 0600, &err), err);
    hth_buf_drop(&b);
    opens(key);
}

static bool on_bus(const HthBuf *bus, const void *p, size_t n) {
    return memmem(bus->p, bus->n, p, n) != NULL;
}

static void nothing_on_the_bus(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthTpmSealed sealed;
    HthBuf bus;
    uint8_t secret[HTH_TPM_SECRET_BYTES], got[HTH_TPM_SECRET_BYTES], auth[HTH_TPM_AUTH_BYTES];
    char by[128];
    snprintf(by, sizeof by, "pcap:%s", tpm.tcti);
    assert_int_equal(setenv("TCTI_PCAP_FILE", test_path("bus"), 1), 0);
    hth_random(secret, sizeof secret);
    hth_random(auth, sizeof auth);
    const HthTpmCfg cfg = { .tcti = by, .pcrs = 1u << 7, .auth = auth };
    assert_ok(hth_tpm_seal(&sealed, secret, &cfg, &err), err);
    assert_ok(hth_tpm_unseal(got, &sealed, &cfg, &err), err);
    assert_memory_equal(got, secret, sizeof secret);
    test_load(&bus, test_path("bus"));
    assert_true(on_bus(&bus, sealed.object, sealed.public_n)); /* it is a record of the bus */
    assert_false(on_bus(&bus, secret, sizeof secret));
    assert_false(on_bus(&bus, secret, 8));
    assert_false(on_bus(&bus, auth, 8));
    hth_buf_drop(&bus);
}

/* ---- failures -------------------------------------------------------------------------------- */

static HthStatus life(HthErr *err) {
    HthKeyring *k = NULL;
    HTH_TRY(open_ring(&k, err));
    HthStatus status = hth_keyring_add_tpm(k, tpm.tcti, 1u << 7, HTH_STR("1234"), err);
    if (status == HTH_OK) status = hth_keyring_remove(k, 1, err);
    hth_keyring_close(&k);
    if (status == HTH_OK) status = open_ring(&k, err);
    hth_keyring_close(&k);
    return status;
}

/* Whatever fails, there is a way in, and the TPM has all its places again. */
static void failures(void **state) {
    (void)state;
    pin = "1234";
    for (int kind = 0; kind < 2; kind++) {
        uint64_t failed = 0;
        for (uint64_t nth = 1;; nth++) {
            HthErr err = { 0 };
            HthKeyring *k = NULL;
            (void)unlink(test_path("keyring"));
            (void)unlink(test_path("keyring.key"));
            const uint64_t live = hth_mem_live();
            kind ? hth_mem_fail_after(nth) : hth_file_fail_after(nth);
            const HthStatus status = life(&err);
            hth_mem_fail_after(0);
            hth_file_fail_after(0);
            assert_int_equal(hth_mem_live(), live);
            if (status == HTH_OK) break;
            if (kind ? status != HTH_ENOMEM : status != HTH_EIO && status != HTH_EDENIED)
                fail_msg("kind %d, %d: %s %s", kind, (int)nth, hth_status_name(status), err.text);
            failed++;
            assert_ok(open_ring(&k, &err), err);
            hth_keyring_close(&k);
        }
        assert_true(failed > (kind ? 4 : 30));
    }
}

/* ---- the frame ------------------------------------------------------------------------------- */

static int set_up(void **state) {
    pin = words = NULL;
    pins_asked = 0;
    if (test_folder_make(state)) return -1;
    snprintf(at_tpm, sizeof at_tpm, "%s", test_path("tpm"));
    return swtpm_start(&tpm, at_tpm) ? 0 : -1;
}

static int tear_down(void **state) {
    swtpm_stop(&tpm);
    return test_folder_drop(state);
}

/* Is there what these tests want? */
static void need(void) {
    HthErr err = { 0 };
    HthTpmSealed sealed;
    const uint8_t secret[HTH_TPM_SECRET_BYTES] = { 0 };
    const HthTpmCfg nowhere = { .tcti = "swtpm:path=/nowhere" };
    const char *why = "no swtpm";
    if (hth_tpm_seal(&sealed, secret, &nowhere, &err) == HTH_ENOTSUP) {
        why = err.text;
    } else if (!test_folder_make(NULL)) {
        const bool there = swtpm_start(&tpm, test_path("tpm"));
        if (there) swtpm_stop(&tpm);
        (void)test_folder_drop(NULL);
        if (there) return;
    }
    printf("skipped: %s\n", why);
    exit(TEST_SKIPPED);
}

int main(void) {
#define AT_TPM(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        AT_TPM(this_machine_only), AT_TPM(with_a_pin),         AT_TPM(started_otherwise),
        AT_TPM(changed),           AT_TPM(nothing_on_the_bus), AT_TPM(failures),
    };
    (void)setenv("TSS2_LOG", "all+NONE", 0);
    hth_log_level(HTH_LOG_ERROR);
    need();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
