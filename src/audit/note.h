/* note.h - signed notes, verifier keys and checkpoints, byte for byte as C2SP writes them.
 *
 * c2sp.org/signed-note: text, an empty line, lines of signatures.  c2sp.org/tlog-checkpoint: a note
 * of three lines, origin, size and root.  Signatures are Ed25519 (type 0x01); those of keys that
 * are not asked for are passed over, as the format wants.
 *
 * Thread: any. */
#ifndef HTH_AUDIT_NOTE_H
#define HTH_AUDIT_NOTE_H

#include "crypt/hash.h"
#include "crypt/sign.h"

enum {
    HTH_NOTE_MAX = 1 << 20, /* bytes of a note */
    HTH_NOTE_SIGNATURES = 64, /* looked at, in one note */
    HTH_VKEY_NAME_MAX = 128 /* bytes */
};

/* A key that signatures are checked with. */
typedef struct HthVkey {
    char name[HTH_VKEY_NAME_MAX + 1];
    uint32_t id;
    uint8_t key[HTH_SIGN_PUBLIC_BYTES];
} HthVkey;

/* EINVAL: a name that is empty, too long, not UTF-8, or has blanks, '+' or control characters. */
HTH_MUST_CHECK HthStatus hth_vkey_make(HthVkey *out, HthStr name,
                                       const uint8_t key[HTH_SIGN_PUBLIC_BYTES], HthErr *err);
/* Appends name+hex(id)+base64(0x01 || key). */
HTH_MUST_CHECK HthStatus hth_vkey_print(HthBuf *out, const HthVkey *v, HthErr *err);
/* EFORMAT: not such a line, or its id is not that of its key. */
HTH_MUST_CHECK HthStatus hth_vkey_parse(HthVkey *out, HthStr text, HthErr *err);

/* Appends text, an empty line and one signature. text ends in a newline. EINVAL: text that no note
 * may have (control characters, no newline at its end, not UTF-8). */
HTH_MUST_CHECK HthStatus hth_note_sign(HthBuf *out, HthStr text, const HthVkey *v,
                                       const HthSigner *signer, HthErr *err);
/* *text_out, borrowed from note, is what v signed.  EFORMAT: not a note, no signature of v, or one
 * that does not hold. */
HTH_MUST_CHECK HthStatus hth_note_open(HthStr *text_out, HthStr note, const HthVkey *v,
                                       HthErr *err);

typedef struct HthCheckpoint {
    HthStr origin; /* borrowed */
    uint64_t size; /* entries */
    uint8_t root[HTH_HASH_BYTES];
} HthCheckpoint;

/* Appends the three lines.  EINVAL: an origin that is empty or has a newline in it. */
HTH_MUST_CHECK HthStatus hth_checkpoint_print(HthBuf *out, const HthCheckpoint *c, HthErr *err);
/* The text of a note.  Extension lines are passed over.  EFORMAT. */
HTH_MUST_CHECK HthStatus hth_checkpoint_parse(HthCheckpoint *out, HthStr text, HthErr *err);
/* Both at once: signed by v, and v's name is the origin. origin is borrowed from note. */
HTH_MUST_CHECK HthStatus hth_checkpoint_open(HthCheckpoint *out, HthStr note, const HthVkey *v,
                                             HthErr *err);

/* ---- what these formats, and those that hold them, are written in --------------------------- */

/* Takes the next line of *rest, without its newline; false: there is no newline. */
bool hth_note_line(HthStr *rest, HthStr *out);
/* Decimal, no sign, no zero before it. */
bool hth_note_number(HthStr text, uint64_t *out);
/* Strict base64 of exactly n bytes; EFORMAT names `what`. */
HTH_MUST_CHECK HthStatus hth_note_unbase(uint8_t *out, size_t n, HthStr text, const char *what,
                                         HthErr *err);

#endif
