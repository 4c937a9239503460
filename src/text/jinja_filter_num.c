/* jinja_filter_num.c - filters that give numbers, and the tests behind `is`. */
#include "text/jinja.h"

#include <math.h>

static HthStatus float_to_int(HthJVm *vm, double f, HthJVal *out) {
    f = trunc(f);
    if (!(f >= -9223372036854775808.0 && f < 9223372036854775808.0))
        return HTH_J_FAIL(vm, HTH_ELIMIT, "an integer does not fit 64 bits");
    *out = hth_j_int((int64_t)f);
    return HTH_OK;
}

static HthStatus f_int(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                       HthJVal *out) {
    HthJVal dflt = hth_j_given(v[0]) ? v[0] : hth_j_int(0);
    int64_t base, i;
    double f = NAN;
    (void)raw;
    HTH_TRY(hth_j_want_int(vm, v[1], "the base of int", 10, &base));
    if (self.kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, self);
    if (hth_j_is_int(self)) {
        *out = hth_j_int(self.u.i);
        return HTH_OK;
    }
    if (self.kind == HTH_J_STR) {
        HTH_J_REQUIRE(base == 0 || (base >= 2 && base <= 36), vm, "the base of int is 2 to 36");
        if (hth_j_parse_int(hth_j_text(self), (int)base, &i)) {
            *out = hth_j_int(i);
            return HTH_OK;
        }
        if (!hth_j_parse_float(hth_j_text(self), &f)) f = NAN;
    } else if (self.kind == HTH_J_FLOAT) {
        f = self.u.f;
        HTH_J_REQUIRE(f - f == 0 || f != f, vm, "infinity is no integer");
    }
    if (f - f == 0) return float_to_int(vm, f, out);
    *out = dflt;
    return HTH_OK;
}

static HthStatus f_float(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                         HthJVal *out) {
    double f;
    (void)raw;
    if (self.kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, self);
    *out = hth_j_given(v[0]) ? v[0] : hth_j_float(0);
    if (hth_j_is_num(self)) *out = hth_j_float(hth_j_num(self));
    if (self.kind == HTH_J_STR && hth_j_parse_float(hth_j_text(self), &f)) *out = hth_j_float(f);
    return HTH_OK;
}

static HthStatus f_abs(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                       HthJVal *out) {
    (void)v, (void)raw;
    if (self.kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, self);
    HTH_J_REQUIRE(hth_j_is_num(self), vm, "abs needs a number, not a %s", hth_j_type(self));
    if (self.kind == HTH_J_FLOAT) {
        *out = hth_j_float(fabs(self.u.f));
        return HTH_OK;
    }
    *out = hth_j_int(self.u.i);
    return self.u.i < 0 ? hth_j_binary(vm, HTH_J_SUB, hth_j_int(0), self, out) : HTH_OK;
}

/* Rounds to `digits` decimals from the exact binary value, ties to even. */
static HthStatus round_float(HthJVm *vm, double f, int64_t digits, HthJVal *out) {
    HthJSb sb = { 0 };
    *out = hth_j_float(f);
    if (f - f != 0 || digits > 323) return HTH_OK;
    if (digits < 0) {
        double unit = pow(10, digits < -308 ? 308 : (double)-digits);
        *out = hth_j_float(digits < -308 ? 0 * f : rint(f / unit) * unit);
        return HTH_OK;
    }
    HTH_TRY(hth_j_add_double(vm, &sb, f, 'f', (int)digits, false));
    (void)hth_j_parse_float((HthStr){ sb.p, sb.n }, &f);
    *out = hth_j_float(f);
    return HTH_OK;
}

static HthStatus f_round(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                         HthJVal *out) {
    int64_t digits;
    (void)raw;
    bool up = hth_j_is_str(v[1], "ceil"), down = hth_j_is_str(v[1], "floor");
    HTH_TRY(hth_j_want_int(vm, v[0], "the precision of round", 0, &digits));
    HTH_J_REQUIRE(up || down || !hth_j_given(v[1]) || hth_j_is_str(v[1], "common"), vm,
                  "round rounds 'common', 'ceil' or 'floor'");
    if (self.kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, self);
    HTH_J_REQUIRE(hth_j_is_num(self), vm, "round needs a number, not a %s", hth_j_type(self));
    if (!up && !down) {
        if (self.kind == HTH_J_FLOAT) return round_float(vm, self.u.f, digits, out);
        *out = hth_j_int(self.u.i);
        if (digits >= 0) return HTH_OK;
        HTH_TRY(round_float(vm, (double)self.u.i, digits, out));
        return float_to_int(vm, out->u.f, out);
    }
    double unit = pow(10, (double)digits), f = hth_j_num(self) * unit;
    HTH_J_REQUIRE(f - f == 0, vm, "the number is too large to round");
    *out = hth_j_float((up ? ceil(f) : floor(f)) / unit);
    return HTH_OK;
}

static HthStatus f_sum(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                       HthJVal *out) {
    HthJVal sum = hth_j_given(v[1]) ? v[1] : hth_j_int(0), item;
    HthJWalk w;
    bool got;
    (void)raw;
    HTH_J_REQUIRE(sum.kind != HTH_J_STR, vm, "sum does not add strings; use join");
    HTH_TRY(hth_j_walk(vm, self, &w));
    for (;;) {
        HTH_TRY(hth_j_next(vm, &w, &item, &got));
        if (!got) break;
        HTH_TRY(hth_j_path(vm, item, v[0], (HthJVal){ 0 }, &item));
        HTH_TRY(hth_j_binary(vm, HTH_J_ADD, sum, item, &sum));
    }
    *out = sum;
    return HTH_OK;
}

static HthStatus f_filesizeformat(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                                  HthJVal *out) {
    static const char prefixes[] = "kMGTPEZY";
    HthJSb sb = { 0 };
    HthJVal number;
    bool binary = hth_j_truth(v[0]);
    HTH_TRY(f_float(vm, self, (HthJVal[]){ hth_j_none() }, raw, &number));
    HTH_J_REQUIRE(number.kind == HTH_J_FLOAT, vm, "filesizeformat needs a number");
    double bytes = number.u.f, base = binary ? 1024 : 1000, unit = base;
    if (bytes == 1) {
        *out = hth_j_str(HTH_STR("1 Byte"));
        return HTH_OK;
    }
    if (bytes < base) {
        HthJVal whole;
        HTH_TRY(float_to_int(vm, bytes, &whole));
        HTH_TRY(hth_j_add_int(vm, &sb, whole.u.i));
        HTH_TRY(hth_j_add(vm, &sb, HTH_STR(" Bytes")));
    } else {
        int i = 0;
        for (unit = base * base; bytes >= unit && i < 7; i++) unit *= base;
        HTH_TRY(hth_j_add_double(vm, &sb, base * bytes / unit, 'f', 1, false));
        HTH_TRY(hth_j_add_char(vm, &sb, ' '));
        HTH_TRY(hth_j_add_char(vm, &sb, binary && i == 0 ? 'K' : prefixes[i]));
        HTH_TRY(hth_j_add(vm, &sb, hth_str(binary ? "iB" : "B")));
    }
    *out = hth_j_done(&sb);
    return HTH_OK;
}

const HthJBuiltin hth_j_filters_num[] = {
    { "abs", "", f_abs },
    { "filesizeformat", "binary?", f_filesizeformat },
    { "float", "default?", f_float },
    { "int", "default? base?", f_int },
    { "round", "precision? method?", f_round },
    { "sum", "attribute? start?", f_sum },
    { NULL, NULL, NULL },
};
