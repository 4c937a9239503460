/* age_fuzz.c - an age file from a stranger: its armor, its header, its chunks; keys as text. */
#include <string.h>

#include "crypt/age.h"
#include "support/bech32.h"

typedef struct Memory {
    const uint8_t *p;
    size_t n;
} Memory;

static HthStatus source(void *payload, void *out, size_t room, size_t *n, HthErr *err) {
    Memory *m = payload;
    (void)err;
    *n = m->n < room ? m->n : room;
    if (*n) memcpy(out, m->p, *n);
    m->p += *n;
    m->n -= *n;
    return HTH_OK;
}

static void read_all(const uint8_t *data, size_t n) {
    /* of the corpus */
    const HthStr secret =
        HTH_STR("AGE-SECRET-KEY-133P0MVXD4F8HKDUJWQZ5XPS8L8ASZLFTHDZQ2VM56KZ2ZJKVV48S92HFAZ");
    static uint8_t key[1][HTH_AGE_KEY_BYTES];
    static uint8_t out[1000];
    Memory m = { data, n };
    HthAgeIn *in = NULL;
    HthErr err = { 0 };
    if (hth_age_identity(key[0], secret, &err) != HTH_OK) __builtin_trap();
    const HthAgeFrom from = { .identities = key, .count = 1, .source = source, .payload = &m };
    HthStatus status = hth_age_in_open(&in, &from, &err);
    for (size_t got = 1; status == HTH_OK && got;)
        status = hth_age_in_read(in, out, sizeof out, &got, &err);
    if (status != HTH_OK && !err.text[0]) __builtin_trap();
    hth_age_in_close(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static uint8_t keys[HTH_AGE_KEYS_MAX][HTH_AGE_KEY_BYTES];
    const HthStr text = { (const char *)data, n };
    size_t count = 0;
    read_all(data, n);
    if (hth_age_identities(keys, &count, text, NULL) == HTH_OK)
        for (size_t i = 0; i < count; i++) {
            char back[BECH32_TEXT];
            bech32(back, "age-secret-key-", keys[i], 0, 1);
            if (hth_str_find(text, hth_str(back)) == SIZE_MAX) __builtin_trap();
        }
    return 0;
}
