/* schema_format.c - the formats that can be said as patterns.
 *
 * A name between < and > in a pattern stands for the piece of that name. Formats are asserted, not
 * only noted. Known formats that no automaton can check are refused; a format nobody knows is a
 * note, as the standard says.
 *
 * Thread: as schema_int.h. */
#include <string.h>

#include "text/schema_int.h"

typedef struct Piece {
    const char *name, *text;
} Piece;

#define HEX "[0-9A-Fa-f]"

/* A piece may use those above it. */
static const Piece pieces[] = {
    { "leap", "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)" },
    { "date", "(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|"
              "(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))|<leap>-02-29)" },
    { "clock", "(?:[01]\\d|2[0-3]):[0-5]\\d" },
    { "time", "(?:<clock>:[0-5]\\d(?:\\.\\d+)?(?:[Zz]|[+-]<clock>)|<leapsecond>)" },
    { "hms", "T(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S)" },
    { "octet", "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)" },
    { "ipv4", "<octet>(?:\\.<octet>){3}" },
    { "h16", HEX "{1,4}" },
    { "ls32", "(?:<h16>:<h16>|<ipv4>)" },
    { "ipv6", "(?:(?:<h16>:){6}<ls32>|::(?:<h16>:){5}<ls32>|(?:<h16>)?::(?:<h16>:){4}<ls32>|"
              "(?:(?:<h16>:){0,1}<h16>)?::(?:<h16>:){3}<ls32>|"
              "(?:(?:<h16>:){0,2}<h16>)?::(?:<h16>:){2}<ls32>|"
              "(?:(?:<h16>:){0,3}<h16>)?::<h16>:<ls32>|(?:(?:<h16>:){0,4}<h16>)?::<ls32>|"
              "(?:(?:<h16>:){0,5}<h16>)?::<h16>|(?:(?:<h16>:){0,6}<h16>)?::)" },
    { "long", "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?" },
    { "short", "[A-Za-z0-9](?:[A-Za-z0-9-]{0,29}[A-Za-z0-9])?" },
    /* 253 characters at most: three labels of up to 63, or seven of up to 31 */
    { "hostname", "(?:<long>(?:\\.<long>){0,2}|<short>(?:\\.<short>){0,6})" },
    { "atext", "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+" },
    { "local", "(?:<atext>(?:\\.<atext>)*|\"(?:[ !#-\\[\\]-~]|\\\\[ -~])*\")" },
    { "ucs", "\\u{A0}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFEF}\\u{10000}-\\u{1FFFD}"
             "\\u{20000}-\\u{2FFFD}\\u{30000}-\\u{3FFFD}\\u{40000}-\\u{4FFFD}\\u{50000}-\\u{5FFFD}"
             "\\u{60000}-\\u{6FFFD}\\u{70000}-\\u{7FFFD}\\u{80000}-\\u{8FFFD}\\u{90000}-\\u{9FFFD}"
             "\\u{A0000}-\\u{AFFFD}\\u{B0000}-\\u{BFFFD}\\u{C0000}-\\u{CFFFD}\\u{D0000}-\\u{DFFFD}"
             "\\u{E1000}-\\u{EFFFD}" },
    { "private", "\\u{E000}-\\u{F8FF}\\u{F0000}-\\u{FFFFD}\\u{100000}-\\u{10FFFD}" },
    { "pct", "%" HEX "{2}" },
    { "scheme", "[A-Za-z][A-Za-z0-9+.-]*" },
    { "ipliteral", "\\[(?:<ipv6>|[Vv]" HEX "+\\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\\]" },
    /* u: unreserved and sub-delims of a URI; i: of an IRI */
    { "u", "-A-Za-z0-9._~!$&'()*+,;=" },
    { "i", "-A-Za-z0-9._~!$&'()*+,;=<ucs>" },
    { "uauth", "(?:(?:[<u>:]|<pct>)*@)?(?:<ipliteral>|(?:[<u>]|<pct>)*)(?::\\d*)?" },
    { "iauth", "(?:(?:[<i>:]|<pct>)*@)?(?:<ipliteral>|(?:[<i>]|<pct>)*)(?::\\d*)?" },
    { "up", "(?:[<u>:@]|<pct>)" },
    { "ip", "(?:[<i>:@]|<pct>)" },
    { "uhier", "(?://<uauth>(?:/<up>*)*|/(?:<up>+(?:/<up>*)*)?|<up>+(?:/<up>*)*|)" },
    { "ihier", "(?://<iauth>(?:/<ip>*)*|/(?:<ip>+(?:/<ip>*)*)?|<ip>+(?:/<ip>*)*|)" },
    { "urel", "(?://<uauth>(?:/<up>*)*|/(?:<up>+(?:/<up>*)*)?|(?:[<u>@]|<pct>)+(?:/<up>*)*|)" },
    { "irel", "(?://<iauth>(?:/<ip>*)*|/(?:<ip>+(?:/<ip>*)*)?|(?:[<i>@]|<pct>)+(?:/<ip>*)*|)" },
    { "utail", "(?:\\?(?:<up>|[/?])*)?(?:#(?:<up>|[/?])*)?" },
    { "itail", "(?:\\?(?:<ip>|[/?<private>])*)?(?:#(?:<ip>|[/?])*)?" },
    { "pointer", "(?:/(?:[^~/]|~[01])*)*" },
    { "varname", "(?:[A-Za-z0-9_]|<pct>)(?:\\.?(?:[A-Za-z0-9_]|<pct>))*" },
    { "varspec", "<varname>(?::[1-9]\\d{0,3}|\\*)?" },
};

/* what: the whole text. without: what it must not match anywhere; NULL: nothing. what NULL: known,
 * and not to be said by an automaton. beyond: texts that hold this are judged by the tables of
 * IDNA; NULL: none. */
static const struct {
    const char *name, *what, *without, *beyond;
} formats[] = {
    { "date", "<date>", NULL, NULL },
    { "time", "<time>", NULL, NULL },
    { "date-time", "<date>[Tt]<time>", NULL, NULL },
    { "duration", "P(?:\\d+W|(?:\\d+D|\\d+M(?:\\d+D)?|\\d+Y(?:\\d+M(?:\\d+D)?)?)(?:<hms>)?|<hms>)",
      NULL, NULL },
    { "email", "<local>@(?:<hostname>|\\[(?:<ipv4>|[Ii][Pp][Vv]6:<ipv6>)\\])", NULL, NULL },
    { "hostname", "<hostname>", "(?:^|\\.)..--", "(?:^|\\.)[Xx][Nn]--" },
    { "ipv4", "<ipv4>", NULL, NULL },
    { "ipv6", "<ipv6>", NULL, NULL },
    { "uuid", HEX "{8}-(?:" HEX "{4}-){3}" HEX "{12}", NULL, NULL },
    { "uri", "<scheme>:<uhier><utail>", NULL, NULL },
    { "uri-reference", "(?:<scheme>:<uhier>|<urel>)<utail>", NULL, NULL },
    { "iri", "<scheme>:<ihier><itail>", NULL, NULL },
    { "iri-reference", "(?:<scheme>:<ihier>|<irel>)<itail>", NULL, NULL },
    { "uri-template",
      "(?:[!#$&-;=?-\\[\\]_a-z~<ucs><private>]|<pct>|"
      "\\{[+#./;?&=,!@|]?<varspec>(?:,<varspec>)*\\})*",
      NULL, NULL },
    { "json-pointer", "<pointer>", NULL, NULL },
    { "relative-json-pointer", "(?:0|[1-9]\\d*)(?:#|<pointer>)", NULL, NULL },
    { "regex", NULL, NULL, NULL },
    { "idn-email", NULL, NULL, NULL },
    { "idn-hostname", NULL, NULL, NULL },
};

/* 23:59:60 in UTC, said in the offsets of whole and half hours. */
static HthStatus add_leap_seconds(HthBuf *out, HthErr *err) {
    HTH_TRY(hth_buf_add_str(out, HTH_STR("(?:23:59:60(?:\\.\\d+)?[Zz]"), err));
    for (int offset = 0; offset < 24 * 60; offset += 30) {
        for (int east = 0; east < 2; east++) {
            const int local = (23 * 60 + 59 + (east ? offset : 24 * 60 - offset)) % (24 * 60);
            HTH_TRY(hth_buf_printf(out, err, "|%02d:%02d:60(?:\\.\\d+)?%s%02d:%02d", local / 60,
                                   local % 60, east ? "\\+" : "-", offset / 60, offset % 60));
        }
    }
    return hth_buf_add_char(out, ')', err);
}

static const Piece *piece_named(HthStr name) {
    for (size_t i = 0; i < HTH_COUNT(pieces); i++)
        if (hth_str_eq(hth_str(pieces[i].name), name)) return &pieces[i];
    return NULL;
}

static HthStatus expand(HthBuf *out, const char *text, HthErr *err) {
    for (; *text; text++) {
        const char *end = *text == '<' ? strchr(text, '>') : NULL;
        const HthStr name = { text + 1, end ? (size_t)(end - text - 1) : 0 };
        if (end && hth_str_eq(name, HTH_STR("leapsecond"))) {
            HTH_TRY(add_leap_seconds(out, err));
        } else if (end) {
            const Piece *piece = piece_named(name);
            HTH_ASSERT(piece);
            HTH_TRY(expand(out, piece->text, err));
        } else {
            HTH_TRY(hth_buf_add_char(out, *text, err));
        }
        if (end) text = end;
    }
    return HTH_OK;
}

static HthStatus pattern_set(HthSchema *s, const char *text, bool whole, uint32_t *out) {
    HthBuf pattern;
    HthDfa *d = NULL;
    hth_buf_init(&pattern, (size_t)1 << 20);
    HthStatus st = expand(&pattern, text, s->err);
    if (st == HTH_OK) st = hth_dfa_pattern(&d, hth_buf_str(&pattern), whole, s->err);
    hth_buf_drop(&pattern);
    HTH_TRY(st);
    return hth_s_set_add(s, &d, out);
}

/* The texts of format i, kept under its name. */
static HthStatus format_set(HthSchema *s, size_t i, HthStr from, uint32_t *out) {
    uint32_t without;
    *out = hth_s_made(s, from);
    if (*out != HTH_MAP_NONE) return HTH_OK;
    HTH_TRY(pattern_set(s, formats[i].what, true, out));
    if (formats[i].without) {
        HTH_TRY(pattern_set(s, formats[i].without, false, &without));
        HTH_TRY(hth_s_set_op(s, HTH_SO_NOT, false, without, 0, &without));
        HTH_TRY(hth_s_set_op(s, HTH_SO_AND, false, *out, without, out));
    }
    return hth_s_keep(s, from, *out);
}

HthStatus hth_s_format(HthSchema *s, HthStr name, const char *path, uint32_t *out,
                       uint32_t *beyond) {
    uint32_t whole;
    size_t i = 0;
    while (i < HTH_COUNT(formats) && !hth_str_eq(hth_str(formats[i].name), name)) i++;
    *out = HTH_SET_ALL;
    *beyond = HTH_SET_NONE;
    if (i == HTH_COUNT(formats)) return HTH_OK;
    HTH_REQUIRE(formats[i].what, s->err, HTH_ENOTSUP, "%s: format %s is not supported", path,
                formats[i].name);
    HTH_TRY(format_set(s, i, hth_str(formats[i].name), out)); /* no other kind begins like one */
    if (!formats[i].beyond) return HTH_OK;
    HTH_TRY(pattern_set(s, formats[i].what, true, &whole));
    HTH_TRY(pattern_set(s, formats[i].beyond, false, beyond));
    return hth_s_set_op(s, HTH_SO_AND, false, whole, *beyond, beyond);
}
