/* note.c - see note.h.
 *
 * Thread: any. */
#include "audit/note.h"

#include <string.h>

enum { ED25519 = 0x01, RAW_MAX = 8192 /* bytes of one signature, with its id */ };
#define DASH "\xE2\x80\x94 " /* what a line of a signature begins with */

/* ---- what text may be ----------------------------------------------------------------------- */

static const struct {
    uint32_t from, to;
} blanks[] = { { 0, 0x20 },        { 0x7F, 0xA0 },     { 0x1680, 0x1680 }, { 0x2000, 0x200A },
               { 0x2028, 0x2029 }, { 0x202F, 0x202F }, { 0x205F, 0x205F }, { 0x3000, 0x3000 } };

/* Anybody's name; those of our keys are not so long. */
static bool name_ok(HthStr name) {
    if (!name.n) return false;
    for (size_t at = 0; at < name.n;) {
        uint32_t cp = 0;
        const size_t n = hth_utf8_decode(hth_str_sub(name, at, name.n), &cp);
        if (!n || cp == '+') return false;
        for (size_t i = 0; i < HTH_COUNT(blanks); i++)
            if (cp >= blanks[i].from && cp <= blanks[i].to) return false;
        at += n;
    }
    return true;
}

/* Valid UTF-8, no control characters but newlines. */
static bool text_ok(HthStr text) {
    for (size_t i = 0; i < text.n; i++)
        if ((uint8_t)text.p[i] < 0x20 && text.p[i] != '\n') return false;
    return hth_utf8_valid(text);
}

bool hth_note_line(HthStr *rest, HthStr *out) {
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    if (!end) return false;
    *out = (HthStr){ rest->p, (size_t)(end - rest->p) };
    *rest = hth_str_sub(*rest, out->n + 1, rest->n);
    return true;
}

bool hth_note_number(HthStr text, uint64_t *out) {
    return (text.n == 1 || (text.n && text.p[0] != '0')) && hth_str_u64(text, out);
}

HthStatus hth_note_unbase(uint8_t *out, size_t n, HthStr text, const char *what, HthErr *err) {
    HthBuf raw;
    HthErr why = { 0 };
    hth_buf_init(&raw, RAW_MAX);
    HthStatus status = hth_unbase64(&raw, HTH_BASE64, text, &why);
    if (status == HTH_ENOMEM)
        status = HTH_FAIL(err, HTH_ENOMEM, "%s", why.text);
    else if (status != HTH_OK || raw.n != n)
        status = HTH_FAIL(err, HTH_EFORMAT, "%s is not base64 of %zu bytes", what, n);
    else
        memcpy(out, raw.p, n);
    hth_buf_drop(&raw);
    return status;
}

/* ---- keys ----------------------------------------------------------------------------------- */

static uint32_t big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* SHA-256(name || newline || type || key)[:4] */
static uint32_t key_id(HthStr name, const uint8_t key[HTH_SIGN_PUBLIC_BYTES]) {
    uint8_t text[HTH_VKEY_NAME_MAX + 2 + HTH_SIGN_PUBLIC_BYTES], digest[HTH_HASH_BYTES];
    memcpy(text, name.p, name.n);
    text[name.n] = '\n';
    text[name.n + 1] = ED25519;
    memcpy(text + name.n + 2, key, HTH_SIGN_PUBLIC_BYTES);
    hth_hash(HTH_SHA256, text, name.n + 2 + HTH_SIGN_PUBLIC_BYTES, digest);
    return big_endian(digest);
}

HthStatus hth_vkey_make(HthVkey *out, HthStr name, const uint8_t key[HTH_SIGN_PUBLIC_BYTES],
                        HthErr *err) {
    HTH_REQUIRE(name.n <= HTH_VKEY_NAME_MAX && name_ok(name), err, HTH_EINVAL,
                "a key's name has 1 to %d bytes, without blanks and without '+'",
                HTH_VKEY_NAME_MAX);
    HthVkey v = { .id = key_id(name, key) };
    memcpy(v.name, name.p, name.n);
    memcpy(v.key, key, sizeof v.key);
    *out = v;
    return HTH_OK;
}

/* What stands for a key in text: its type, then its bytes. */
typedef uint8_t Typed[1 + HTH_SIGN_PUBLIC_BYTES];

HthStatus hth_vkey_print(HthBuf *out, const HthVkey *v, HthErr *err) {
    Typed raw = { ED25519 };
    memcpy(raw + 1, v->key, sizeof v->key);
    HTH_TRY(hth_buf_printf(out, err, "%s+%08x+", v->name, v->id));
    return hth_base64(out, HTH_BASE64, raw, sizeof raw, err);
}

HthStatus hth_vkey_parse(HthVkey *out, HthStr text, HthErr *err) {
    const size_t a = hth_str_find(text, HTH_STR("+"));
    HTH_REQUIRE(a != SIZE_MAX && text.n - a > 10 && text.p[a + 9] == '+', err, HTH_EFORMAT,
                "a verifier key reads NAME+ID+KEY, ID in eight hexadecimal digits");
    Typed raw;
    uint8_t id[4];
    HTH_REQUIRE(hth_unhex(id, sizeof id, hth_str_sub(text, a + 1, 8)), err, HTH_EFORMAT,
                "the id of a verifier key is not eight hexadecimal digits");
    HTH_TRY(
        hth_note_unbase(raw, sizeof raw, hth_str_sub(text, a + 10, text.n), "a verifier key", err));
    HTH_REQUIRE(raw[0] == ED25519, err, HTH_ENOTSUP,
                "a verifier key of type %u: hearth knows Ed25519 (1)", raw[0]);
    HthVkey v;
    HthErr why;
    HTH_REQUIRE(hth_vkey_make(&v, hth_str_sub(text, 0, a), raw + 1, &why) == HTH_OK, err,
                HTH_EFORMAT, "%s", why.text);
    char hex[2 * sizeof id + 1];
    hth_hex(hex, id, sizeof id);
    HTH_REQUIRE(v.id == big_endian(id) && memcmp(hex, text.p + a + 1, 8) == 0, err, HTH_EFORMAT,
                "the id of a verifier key is not that of its name and key");
    *out = v;
    return HTH_OK;
}

/* ---- notes ---------------------------------------------------------------------------------- */

HthStatus hth_note_sign(HthBuf *out, HthStr text, const HthVkey *v, const HthSigner *signer,
                        HthErr *err) {
    HTH_REQUIRE(text.n && text.n < HTH_NOTE_MAX / 2 && text.p[text.n - 1] == '\n' && text_ok(text),
                err, HTH_EINVAL,
                "the text of a note is UTF-8 without control characters and ends in a newline");
    uint8_t raw[4 + HTH_SIGNATURE_BYTES] = { (uint8_t)(v->id >> 24), (uint8_t)(v->id >> 16),
                                             (uint8_t)(v->id >> 8), (uint8_t)v->id };
    hth_sign(signer, text.p, text.n, raw + 4);
    HTH_TRY(hth_buf_add_str(out, text, err));
    HTH_TRY(hth_buf_printf(out, err, "\n" DASH "%s ", v->name));
    HTH_TRY(hth_base64(out, HTH_BASE64, raw, sizeof raw, err));
    return hth_buf_add_char(out, '\n', err);
}

/* One line of a signature. *ours_out: it is one of v's, and holds. */
static HthStatus signature(HthStr text, HthStr l, const HthVkey *v, bool *ours_out, HthErr *err) {
    const HthStr dash = HTH_STR(DASH);
    HTH_REQUIRE(hth_str_starts(l, dash), err, HTH_EFORMAT,
                "what follows the last empty line of a note is not a signature");
    l = hth_str_sub(l, dash.n, l.n);
    const size_t at = hth_str_find(l, HTH_STR(" "));
    HTH_REQUIRE(at != SIZE_MAX && at && at < l.n - 1, err, HTH_EFORMAT,
                "a signature of a note has no name or no bytes");
    const HthStr name = hth_str_sub(l, 0, at), coded = hth_str_sub(l, at + 1, l.n);
    HthBuf raw;
    HthErr why = { 0 };
    hth_buf_init(&raw, RAW_MAX);
    HthStatus status = hth_unbase64(&raw, HTH_BASE64, coded, &why);
    const uint8_t *bytes = (const uint8_t *)hth_buf_str(&raw).p;
    const bool ours = status == HTH_OK && raw.n > 4 && hth_str_eq(name, hth_str(v->name)) &&
                      big_endian(bytes) == v->id;
    if (status == HTH_ENOMEM)
        status = HTH_FAIL(err, HTH_ENOMEM, "%s", why.text);
    else if (status != HTH_OK || raw.n <= 4 || !name_ok(name))
        status = HTH_FAIL(err, HTH_EFORMAT,
                          "a signature of a note is not in base64, or too short, or by a name that "
                          "no key has");
    else if (ours &&
             (raw.n != 4 + HTH_SIGNATURE_BYTES || !hth_sign_ok(v->key, text.p, text.n, bytes + 4)))
        status = HTH_FAIL(err, HTH_EFORMAT, "the signature of a note does not hold");
    else
        *ours_out |= ours;
    hth_buf_drop(&raw);
    return status;
}

HthStatus hth_note_open(HthStr *text_out, HthStr note, const HthVkey *v, HthErr *err) {
    HTH_REQUIRE(note.n <= HTH_NOTE_MAX && text_ok(note), err, HTH_EFORMAT,
                "a note is UTF-8 without control characters, of at most %d bytes", HTH_NOTE_MAX);
    size_t end = note.n;
    while (end >= 2 && memcmp(note.p + end - 2, "\n\n", 2) != 0) end--;
    HTH_REQUIRE(end > 2 && end < note.n, err, HTH_EFORMAT,
                "a note is text, an empty line, and signatures; there is no such line");
    const HthStr text = hth_str_sub(note, 0, end - 1);
    HthStr rest = hth_str_sub(note, end, note.n), l;
    bool ours = false;
    for (unsigned i = 0; rest.n; i++) {
        HTH_REQUIRE(i < HTH_NOTE_SIGNATURES, err, HTH_EFORMAT, "a note has more than %d signatures",
                    HTH_NOTE_SIGNATURES);
        HTH_REQUIRE(hth_note_line(&rest, &l), err, HTH_EFORMAT, "a note ends within a signature");
        HTH_TRY(signature(text, l, v, &ours, err));
    }
    HTH_REQUIRE(ours, err, HTH_EFORMAT, "a note is not signed by the key that was asked for");
    *text_out = text;
    return HTH_OK;
}

/* ---- checkpoints ---------------------------------------------------------------------------- */

HthStatus hth_checkpoint_print(HthBuf *out, const HthCheckpoint *c, HthErr *err) {
    HTH_REQUIRE(c->origin.n && !memchr(c->origin.p, '\n', c->origin.n) && text_ok(c->origin), err,
                HTH_EINVAL, "the origin of a checkpoint is one line, not an empty one");
    HTH_TRY(hth_buf_add_str(out, c->origin, err));
    HTH_TRY(hth_buf_printf(out, err, "\n%llu\n", (unsigned long long)c->size));
    HTH_TRY(hth_base64(out, HTH_BASE64, c->root, sizeof c->root, err));
    return hth_buf_add_char(out, '\n', err);
}

HthStatus hth_checkpoint_parse(HthCheckpoint *out, HthStr text, HthErr *err) {
    HthCheckpoint c;
    HthStr l;
    HTH_REQUIRE(text_ok(text), err, HTH_EFORMAT,
                "a checkpoint is not UTF-8, or has control characters");
    HTH_REQUIRE(hth_note_line(&text, &c.origin) && c.origin.n, err, HTH_EFORMAT,
                "a checkpoint does not begin with its origin");
    HTH_REQUIRE(hth_note_line(&text, &l) && hth_note_number(l, &c.size), err, HTH_EFORMAT,
                "the second line of a checkpoint is not a size");
    HTH_REQUIRE(hth_note_line(&text, &l), err, HTH_EFORMAT, "a checkpoint has no root");
    HTH_TRY(hth_note_unbase(c.root, sizeof c.root, l, "the root of a checkpoint", err));
    while (text.n)
        HTH_REQUIRE(hth_note_line(&text, &l) && l.n, err, HTH_EFORMAT,
                    "a checkpoint has an empty line, or ends within one");
    *out = c;
    return HTH_OK;
}

HthStatus hth_checkpoint_open(HthCheckpoint *out, HthStr note, const HthVkey *v, HthErr *err) {
    HthStr text;
    HthCheckpoint c;
    HTH_TRY(hth_note_open(&text, note, v, err));
    HTH_TRY(hth_checkpoint_parse(&c, text, err));
    HTH_REQUIRE(hth_str_eq(c.origin, hth_str(v->name)), err, HTH_EFORMAT,
                "a checkpoint is signed by the right key, but is of another log");
    *out = c;
    return HTH_OK;
}
