/* age_key.c - see age.h: keys as people see them (Bech32, BIP 173), and files of keys.
 *
 * Sums are those of Bech32, not Bech32m; the limit of 90 characters is not age's.
 *
 * Thread: any. */
#include <string.h>

#include "crypt/age_int.h"
#include "crypt/secret.h"

enum { SUM = 6, WORDS = (HTH_AGE_KEY_BYTES * 8 + 4) / 5 };

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t step(uint32_t sum, uint8_t word) {
    static const uint32_t gen[] = { 0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3 };
    const uint32_t top = sum >> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ word;
    for (unsigned i = 0; i < 5; i++)
        if (top >> i & 1) sum ^= gen[i];
    return sum;
}

static uint32_t sum_of(const char *prefix, const uint8_t *words, size_t n) {
    uint32_t sum = 1;
    for (const char *p = prefix; *p; p++) sum = step(sum, (uint8_t)((uint8_t)*p >> 5));
    sum = step(sum, 0);
    for (const char *p = prefix; *p; p++) sum = step(sum, (uint8_t)*p & 31);
    for (size_t i = 0; i < n; i++) sum = step(sum, words[i]);
    return sum;
}

/* False: the bits left over are not zero. */
static bool join(uint8_t out[HTH_AGE_KEY_BYTES], const uint8_t words[WORDS]) {
    uint32_t acc = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < WORDS; i++) {
        acc = (acc << 5 | words[i]) & 0xfff;
        bits += 5;
        if (bits < 8) continue;
        bits -= 8;
        *out++ = (uint8_t)(acc >> bits);
    }
    return (acc & ((1U << bits) - 1)) == 0;
}

static bool parse(uint8_t *out, const char *prefix, HthStr text, bool upper) {
    const size_t head = strlen(prefix);
    uint8_t words[WORDS + SUM], key[HTH_AGE_KEY_BYTES];
    if (text.n != head + 1 + WORDS + SUM) return false;
    bool ok = true;
    for (size_t i = 0; ok && i < text.n; i++) {
        char c = text.p[i];
        if (upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z') ok = false;
        if (upper && c >= 'A' && c <= 'Z') c = (char)(c + 32);
        if (i < head) {
            ok &= c == prefix[i];
        } else if (i == head) {
            ok &= c == '1';
        } else {
            const char *at = c ? strchr(alphabet, c) : NULL;
            ok &= at != NULL;
            words[i - head - 1] = at ? (uint8_t)(at - alphabet) : 0;
        }
    }
    ok = ok && sum_of(prefix, words, WORDS + SUM) == 1 && join(key, words);
    if (ok) memcpy(out, key, sizeof key);
    hth_secret_wipe(words, sizeof words);
    hth_secret_wipe(key, sizeof key);
    return ok;
}

HthStatus hth_age_recipient(uint8_t out[HTH_AGE_KEY_BYTES], HthStr text, HthErr *err) {
    HTH_REQUIRE(parse(out, "age", text, false), err, HTH_EINVAL,
                "not a recipient of age: age1 and 58 letters and digits are wanted, as age-keygen "
                "prints them%s",
                hth_str_starts(text, HTH_STR("AGE-SECRET-KEY-"))
                    ? "; this is a secret key, which opens and is not for sealing"
                    : "");
    return HTH_OK;
}

HthStatus hth_age_identity(uint8_t out[HTH_AGE_KEY_BYTES], HthStr text, HthErr *err) {
    HTH_REQUIRE(parse(out, "age-secret-key-", text, true), err, HTH_EINVAL,
                "not a secret key of age: AGE-SECRET-KEY-1 and 58 letters and digits are wanted, "
                "as age-keygen prints them");
    return HTH_OK;
}

typedef HthStatus (*ParseFn)(uint8_t out[HTH_AGE_KEY_BYTES], HthStr text, HthErr *err);

static HthStatus list(uint8_t out[][HTH_AGE_KEY_BYTES], size_t *count, HthStr text, ParseFn fn,
                      HthErr *err) {
    size_t n = *count;
    HthErr why = { 0 };
    for (size_t line = 1; text.n; line++) {
        const size_t end = hth_str_find(text, HTH_STR("\n"));
        const HthStr one = hth_str_trim(hth_str_sub(text, 0, end));
        text = hth_str_sub(text, end == SIZE_MAX ? text.n : end + 1, SIZE_MAX);
        if (!one.n || one.p[0] == '#') continue;
        HTH_REQUIRE(n < HTH_AGE_KEYS_MAX, err, HTH_EINVAL, "more than %d keys of age",
                    HTH_AGE_KEYS_MAX);
        HTH_REQUIRE(fn(out[n], one, &why) == HTH_OK, err, HTH_EINVAL, "line %zu: %.400s", line,
                    why.text);
        n++;
    }
    *count = n;
    return HTH_OK;
}

HthStatus hth_age_recipients(uint8_t out[][HTH_AGE_KEY_BYTES], size_t *count, HthStr text,
                             HthErr *err) {
    return list(out, count, text, hth_age_recipient, err);
}

HthStatus hth_age_identities(uint8_t out[][HTH_AGE_KEY_BYTES], size_t *count, HthStr text,
                             HthErr *err) {
    return list(out, count, text, hth_age_identity, err);
}
