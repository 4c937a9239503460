/* schema_num.c - sets of numbers as automata over how they are written.
 *
 * The same number has many spellings, and with free exponents "at most 5" is no regular language.
 * So limits are decided for a set of spellings that is the same throughout a schema: decimals of
 * any length without an exponent, and mantissas with one digit before the point, a bounded number
 * after it (none of them a needless zero, but .0 is fine) and an exponent up to 308. Every set
 * below is exact on those.
 *
 * Thread: as schema_int.h. */
#include <stdlib.h>
#include <string.h>

#include "text/schema_int.h"

enum { DIGITS_MAX = 32, EXP_DIGITS_MAX = 15, RESIDUES_MAX = 3000, MODULUS_MAX = 8000 };

/* 0.d1 d2 ... dn times 10^exp; n 0: zero. */
typedef struct Decimal {
    bool negative;
    uint8_t digit[DIGITS_MAX];
    int n, exp;
} Decimal;

static void decimal_read(const char *p, Decimal *out) {
    Decimal d = { .negative = *p == '-' };
    bool point = false;
    for (p += d.negative; *p && (*p | 32) != 'e'; p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        if (d.n || *p != '0') {
            if (d.n < DIGITS_MAX) d.digit[d.n++] = (uint8_t)(*p - '0');
            if (!point) d.exp++;
        } else if (point) {
            d.exp--;
        }
    }
    if (*p) d.exp += (int)strtol(p + 1, NULL, 10);
    while (d.n && d.digit[d.n - 1] == 0) d.n--;
    if (d.n == 0) d.exp = 0;
    *out = d;
}

/* The shortest decimal that reads as the same double. */
static void decimal_write(const json_t *number, char *text, size_t n) {
    if (json_is_integer(number)) {
        snprintf(text, n, "%lld", (long long)json_integer_value(number));
        return;
    }
    const double v = json_real_value(number);
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, n, "%.*e", digits - 1, v);
        if (strtod(text, NULL) == v) break;
    }
}

static const char alphabet[] = "0123456789+-.eE";

/* Where in a number a machine is. */
typedef enum Phase {
    P_START,
    P_MINUS,
    P_ZERO, /* a single 0 before the point */
    P_INT,
    P_POINT,
    P_FRAC,
    P_E,
    P_SIGN,
    P_EXP
} Phase;

/* The next phase, or -1: not a number. */
static int phase_after(Phase at, char c) {
    const bool digit = c >= '0' && c <= '9', e = (c | 32) == 'e';
    switch (at) {
    case P_START:
        if (c == '-') return P_MINUS;
        return digit ? c == '0' ? P_ZERO : P_INT : -1;
    case P_MINUS: return digit ? c == '0' ? P_ZERO : P_INT : -1;
    case P_ZERO: return c == '.' ? P_POINT : e ? P_E : -1;
    case P_INT: return digit ? P_INT : c == '.' ? P_POINT : e ? P_E : -1;
    case P_POINT: return digit ? P_FRAC : -1;
    case P_FRAC: return digit ? P_FRAC : e ? P_E : -1;
    case P_E: return digit ? P_EXP : c == '+' || c == '-' ? P_SIGN : -1;
    default: return digit ? P_EXP : -1;
    }
}

static bool phase_ends(Phase at) {
    return at == P_ZERO || at == P_INT || at == P_FRAC || at == P_EXP;
}

/* --- comparing with a constant --- */

typedef struct Compare {
    Decimal d; /* without its sign */
    bool negative;
    unsigned accept;
} Compare;

typedef struct CompareState {
    int32_t phase, negative;
    int32_t nonzero; /* a digit other than 0 was seen */
    int32_t magnitude; /* as Decimal.exp, as far as it matters */
    int32_t k; /* digits compared while they are the same */
    int32_t order; /* of the digits: -1, 0, 1 */
    int32_t exp_negative, exp; /* the exponent, as far as it matters */
} CompareState;

static void compare_digit(const Compare *m, CompareState *to, int digit) {
    if (!to->nonzero && digit == 0) {
        if (to->phase == P_FRAC && to->magnitude >= m->d.exp) to->magnitude--;
        return;
    }
    to->nonzero = 1;
    /* Exact up to 1: only one digit before the point can be followed by an exponent. */
    if (to->phase == P_INT && to->magnitude <= (m->d.exp > 1 ? m->d.exp : 1)) to->magnitude++;
    if (to->order != 0) return;
    const int other = to->k < m->d.n ? m->d.digit[to->k] : 0;
    if (to->k < m->d.n) to->k++;
    to->order = (digit > other) - (digit < other);
    if (to->order) to->k = 0;
}

static bool compare_step(const void *self, const void *state, char c, void *next) {
    const Compare *m = self;
    const CompareState *from = state;
    CompareState *to = next;
    const int phase = phase_after((Phase)from->phase, c);
    if (phase < 0) return false;
    if (phase == P_E && from->nonzero && from->magnitude != 1) return false; /* not so written */
    *to = *from;
    to->phase = phase;
    if (phase == P_MINUS) to->negative = 1;
    if (phase == P_E) { /* of the digits only their order is still needed */
        if (to->nonzero && to->order == 0 && to->k < m->d.n) to->order = -1;
        to->k = m->d.n;
    }
    if (phase == P_SIGN) to->exp_negative = c == '-';
    if (phase == P_ZERO || phase == P_INT || phase == P_FRAC) compare_digit(m, to, c - '0');
    if (phase == P_EXP) {
        const int most = abs(m->d.exp) + abs(to->magnitude) + 1;
        to->exp = 10 * to->exp + (c - '0');
        if (to->exp > most) to->exp = most;
    }
    return true;
}

/* Of absolute values. */
static int compare_sizes(const Compare *m, const CompareState *s) {
    if (!s->nonzero) return m->d.n ? -1 : 0;
    if (!m->d.n) return 1;
    const int magnitude = s->magnitude + (s->exp_negative ? -s->exp : s->exp);
    if (magnitude != m->d.exp) return magnitude < m->d.exp ? -1 : 1;
    if (s->order) return s->order;
    return s->k < m->d.n ? -1 : 0; /* the constant goes on */
}

static bool compare_accept(const void *self, const void *state) {
    const Compare *m = self;
    const CompareState *s = state;
    if (!phase_ends((Phase)s->phase)) return false;
    int order;
    const bool negative = s->negative && s->nonzero, other = m->negative && m->d.n;
    if (negative != other)
        order = negative ? -1 : 1;
    else
        order = negative ? -compare_sizes(m, s) : compare_sizes(m, s);
    return (m->accept & (order < 0 ? HTH_SN_LESS : order > 0 ? HTH_SN_MORE : HTH_SN_SAME)) != 0;
}

/* A machine's numbers, of those that are decided. */
static HthStatus machine(HthSchema *s, const HthMachine *m, const void *first, uint32_t *out) {
    HthDfa *d = NULL;
    uint32_t set;
    HTH_TRY(hth_dfa_machine(&d, m, first, s->err));
    HTH_TRY(hth_s_set_add(s, &d, &set));
    return hth_s_set_op(s, HTH_SO_AND, true, set, s->numbers, out);
}

HthStatus hth_s_compare(HthSchema *s, const json_t *number, unsigned accept, uint32_t *out) {
    char text[64];
    decimal_write(number, text, sizeof text);
    return hth_s_compare_text(s, text, accept, out);
}

HthStatus hth_s_compare_text(HthSchema *s, const char *number, unsigned accept, uint32_t *out) {
    char from[80];
    const int n = snprintf(from, sizeof from, "compare %u %s", accept, number);
    const HthStr name = { from, (size_t)n };
    *out = hth_s_made(s, name);
    if (*out != HTH_MAP_NONE) return HTH_OK;
    Compare c = { .accept = accept };
    const CompareState first = { 0 };
    decimal_read(number, &c.d);
    c.negative = c.d.negative;
    const HthMachine m = { sizeof first, alphabet, compare_step, compare_accept, &c };
    HTH_TRY(machine(s, &m, &first, out));
    return hth_s_keep(s, name, *out);
}

/* --- multiples --- */

typedef struct Multiple {
    uint32_t c; /* of c times 10^-places */
    int places;
    int exp_digits; /* after the point, where an exponent follows */
} Multiple;

typedef struct MultipleState {
    int32_t phase;
    uint32_t rest; /* of all digits so far */
    int32_t frac; /* digits after the point, as far as it matters */
    int32_t plain; /* without an exponent: still a multiple, perhaps */
    uint32_t plain_rest; /* of the digits that count for that */
    int32_t first; /* the only digit before the point, or -1 */
    int32_t frac_zero; /* all digits after the point are 0 */
    int32_t zero; /* all digits are */
    int32_t least; /* in the exponent: it must be at least this */
    int32_t exp; /* with its sign only after P_SIGN: 2 * value + negative */
} MultipleState;

static bool multiple_exp(const Multiple *m, const MultipleState *from, MultipleState *to) {
    if (from->first < 0 || (!from->zero && from->first == 0)) return false; /* not so written */
    const int frac = from->frac_zero ? 0 : from->frac;
    uint32_t rest = from->frac_zero ? (uint32_t)from->first % m->c : from->rest;
    if (!from->frac_zero && frac > m->exp_digits) return false;
    memset(to, 0, sizeof *to);
    to->phase = P_E;
    to->zero = from->zero;
    if (from->zero) return true;
    to->least = frac - m->places;
    for (int i = 0; rest && i < 64; i++) {
        rest = (uint32_t)((uint64_t)rest * 10 % m->c);
        to->least++;
    }
    return rest == 0;
}

static void multiple_digit(const Multiple *m, MultipleState *to, int digit) {
    const uint32_t rest = (uint32_t)(((uint64_t)to->rest * 10 + (uint32_t)digit) % m->c);
    if (digit) to->zero = 0;
    if (to->phase != P_FRAC) {
        to->first = to->phase == P_ZERO || to->first == -2 ? digit : -1;
        to->rest = rest;
        to->plain_rest = rest;
        return;
    }
    if (digit && to->frac_zero) {
        to->frac_zero = 0; /* from now on it only matters that an exponent may follow */
        to->first = to->first > 0 ? 1 : -1;
    }
    if (to->frac < m->places)
        to->plain_rest = (uint32_t)(((uint64_t)to->plain_rest * 10 + (uint32_t)digit) % m->c);
    else if (digit)
        to->plain = 0;
    const int most = m->places > m->exp_digits ? m->places : m->exp_digits;
    to->rest = rest;
    if (to->frac <= most) to->frac++;
    if (to->first < 0 || to->frac > m->exp_digits) { /* no exponent can follow */
        to->rest = 0;
        to->first = -1;
    }
}

/* Behind the point: once no further digit can mend the rest, it is none or the number is no
 * multiple as it stands. false: whatever follows. */
static bool multiple_settle(const Multiple *m, MultipleState *to) {
    if (to->frac >= m->places && to->plain_rest) to->plain = 0;
    if (!to->plain) to->plain_rest = 0;
    return to->plain || to->first >= 0;
}

static bool multiple_step(const void *self, const void *state, char c, void *next) {
    const Multiple *m = self;
    const MultipleState *from = state;
    MultipleState *to = next;
    const int phase = phase_after((Phase)from->phase, c);
    if (phase < 0) return false;
    if (phase == P_E) return multiple_exp(m, from, to);
    *to = *from;
    to->phase = phase;
    if (phase == P_SIGN) to->exp = c == '-';
    if (phase == P_ZERO || phase == P_INT || phase == P_FRAC) multiple_digit(m, to, c - '0');
    if (phase == P_POINT || phase == P_FRAC) return multiple_settle(m, to);
    if (phase == P_EXP) {
        const int most = abs(to->least) + 1, negative = to->exp & 1;
        int value = 10 * (to->exp >> 1) + (c - '0');
        if (value > most) value = most;
        to->exp = 2 * value + negative;
    }
    return true;
}

static bool multiple_accept(const void *self, const void *state) {
    const Multiple *m = self;
    const MultipleState *s = state;
    if (!phase_ends((Phase)s->phase)) return false;
    if (s->zero) return true;
    if (s->phase == P_EXP) return (s->exp & 1 ? -(s->exp >> 1) : s->exp >> 1) >= s->least;
    uint32_t rest = s->plain_rest;
    for (int i = s->frac; i < m->places && rest; i++) rest = (uint32_t)((uint64_t)rest * 10 % m->c);
    return s->plain && rest == 0;
}

/* c and places of a positive number; false: too large for an automaton. */
static bool factor(const json_t *number, Multiple *out) {
    Decimal d;
    uint64_t c = 0;
    char text[64];
    decimal_write(number, text, sizeof text);
    decimal_read(text, &d);
    for (int i = 0; i < d.n; i++) {
        c = 10 * c + d.digit[i];
        if (c > MODULUS_MAX) return false;
    }
    int places = d.n - d.exp;
    for (; places < 0; places++) {
        c *= 10;
        if (c > MODULUS_MAX) return false;
    }
    *out = (Multiple){ (uint32_t)c, places, EXP_DIGITS_MAX };
    return c > 0 && places <= 400 && c * (uint32_t)(places + 1) <= MODULUS_MAX;
}

uint32_t hth_s_modulus(const json_t *number) {
    Multiple m;
    return json_is_number(number) && factor(number, &m) ? m.c : 1;
}

static HthStatus multiples(HthSchema *s, Multiple *of, uint32_t *out) {
    char from[64];
    const int n = snprintf(from, sizeof from, "multiple %u %d", of->c, of->places);
    const HthStr name = { from, (size_t)n };
    *out = hth_s_made(s, name);
    if (*out != HTH_MAP_NONE) return HTH_OK;
    MultipleState first;
    memset(&first, 0, sizeof first);
    first.plain = first.frac_zero = first.zero = 1;
    first.first = -2; /* nothing yet */
    of->exp_digits = s->exp_digits;
    const HthMachine m = { sizeof first, alphabet, multiple_step, multiple_accept, of };
    HTH_TRY(machine(s, &m, &first, out));
    return hth_s_keep(s, name, *out);
}

HthStatus hth_s_multiple(HthSchema *s, const json_t *number, const char *path, uint32_t *out) {
    Multiple m;
    HTH_REQUIRE(json_is_number(number) && json_number_value(number) > 0, s->err, HTH_EINVAL,
                "%s: multipleOf must be a number above 0", path);
    HTH_REQUIRE(
        factor(number, &m), s->err, HTH_ELIMIT,
        "%s: multipleOf with this many digits is not supported: without its point it may be "
        "at most %d divided by one more than its decimal places",
        path, MODULUS_MAX);
    return multiples(s, &m, out);
}

HthStatus hth_s_integers(HthSchema *s, uint32_t *out) {
    return multiples(s, &(Multiple){ 1, 0, 0 }, out);
}

HthStatus hth_s_numbers(HthSchema *s) {
    char pattern[400];
    HthDfa *d = NULL;
    int digits = s->multiple_max ? RESIDUES_MAX / (int)s->multiple_max : EXP_DIGITS_MAX;
    if (digits > EXP_DIGITS_MAX) digits = EXP_DIGITS_MAX;
    if (digits < 1) digits = 1;
    s->exp_digits = digits;
    snprintf(pattern, sizeof pattern,
             "-?(?:(?:0|[1-9]\\d*)(?:\\.\\d+)?|"
             "(?:[1-9](?:\\.(?:0|\\d{0,%d}[1-9]))?|0(?:\\.0)?)"
             "[eE][+-]?0*(?:\\d|[1-9]\\d|[12]\\d\\d|30[0-8]))",
             digits - 1);
    HTH_TRY(hth_dfa_pattern(&d, hth_str(pattern), true, s->err));
    return hth_s_set_add(s, &d, &s->numbers);
}
