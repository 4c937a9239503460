/* unicode.h - what the tokenizers need to know about a code point.
 *
 * Categories, case and decompositions come from utf8proc; the text a tokenizer sees is decoded
 * leniently, because the models' own tokenizers were: structure decides, a bad byte is U+FFFD.
 *
 * The pre-tokenizer patterns run over "class text": one byte per code point.  ASCII stands for
 * itself, everything else for its class (the HTH_UNI_* bytes), so that a pattern is a byte pattern
 * and a match of n bytes is a match of n code points.
 *
 * Thread: any. */
#ifndef HTH_TEXT_UNICODE_H
#define HTH_TEXT_UNICODE_H

#include "base/buf.h"

enum { /* class bytes of code points from U+0080 up */
       HTH_UNI_SPACE = 0x0B, /* White_Space: a vertical tab, which \s matches */
       HTH_UNI_OTHER = 0xC0, /* unassigned, control, format, private */
       HTH_UNI_NUMBER,
       HTH_UNI_LETTER,
       HTH_UNI_PUNCT,
       HTH_UNI_MARK,
       HTH_UNI_SYMBOL,
       HTH_UNI_HAN, /* a letter of the Han blocks */
       HTH_UNI_HAN_GAP, /* unassigned, but inside a Han block */
};

typedef enum HthUniKind {
    HTH_KIND_OTHER,
    HTH_KIND_LETTER,
    HTH_KIND_NUMBER,
    HTH_KIND_PUNCT,
    HTH_KIND_SYMBOL,
    HTH_KIND_MARK,
    HTH_KIND_CONTROL, /* Cc, Cf, Co, Cs */
    HTH_KIND_SEPARATOR
} HthUniKind;

/* Decodes at s.p, s.n > 0. Returns 1..4 bytes eaten; a byte that begins no sequence gives U+FFFD
 * and 1.  Surrogates and overlong forms are let through. */
size_t hth_uni_decode(HthStr s, uint32_t *cp_out);
/* As hth_utf8_encode, surrogates included. */
size_t hth_uni_encode(uint32_t cp, char out[4]);
/* Length a lead byte promises, 1..4; 1 for a continuation byte. */
size_t hth_uni_lead(char c);
/* Appends s with everything hth_uni_decode replaced or shortened written out canonically. */
HTH_MUST_CHECK HthStatus hth_uni_clean(HthStr s, HthBuf *out, HthErr *err);

HthUniKind hth_uni_kind(uint32_t cp);
bool hth_uni_space(uint32_t cp); /* White_Space */
uint8_t hth_uni_class(uint32_t cp);
uint32_t hth_uni_lower(uint32_t cp); /* simple mapping */
uint32_t hth_uni_base(uint32_t cp); /* first code point of the canonical decomposition */

#endif
