/* jinja_mark.c - which bytes of a rendered prompt came from the conversation, and which from the
 * template.
 *
 * Every string a render builds lies in blocks with a mark per byte; hth_j_add() copies the marks
 * with the bytes.  Strings of the input are copied into a block and marked; whatever lies elsewhere
 * (literals of the template, numbers, padding) is the template's own and counts as unmarked.  A
 * block is twice as large as the one before, so that there are few to search.
 *
 * Not part of the input's data: strings that are variables themselves (bos_token) and the value of
 * a "role", from which templates make special tokens; whoever fills the input vouches for those.
 *
 * Thread: one render, one thread. */
#include "text/jinja.h"

enum { BLOCK_MIN = 1 << 16 };

static char *marks_at(const HthJMarks *m, const char *p) {
    for (uint32_t i = m->count; i-- > 0;) {
        const HthJMarkBlock *b = &m->blocks[i];
        uintptr_t at = (uintptr_t)p - (uintptr_t)b->text;
        if (at < b->size) return b->marks + at;
    }
    return NULL;
}

HthStatus hth_j_take_text(HthJVm *vm, size_t n, char **out) {
    HthJMarks *m = vm->marks;
    if (!m) return hth_j_take(vm, n, 1, out);
    HthJMarkBlock *b = m->count ? &m->blocks[m->count - 1] : NULL;
    if (!b || n > b->size - m->used) {
        HTH_REQUIRE(m->count < HTH_COUNT(m->blocks), vm->err, HTH_ELIMIT,
                    "the render builds too much text");
        size_t size = b ? b->size * 2 : BLOCK_MIN;
        if (size < n) size = n;
        b = &m->blocks[m->count];
        HTH_TRY(hth_j_take(vm, size, 1, &b->text));
        HTH_TRY(hth_j_take(vm, size, 1, &b->marks));
        b->size = size;
        m->count++;
        m->used = 0;
    }
    *out = b->text + m->used;
    m->used += n;
    return HTH_OK;
}

void hth_j_mark_copy(HthJVm *vm, char *to, const char *from, size_t n) {
    if (!vm->marks || n == 0) return;
    char *dst = marks_at(vm->marks, to);
    const char *src = marks_at(vm->marks, from);
    HTH_ASSERT(dst);
    if (src)
        memcpy(dst, src, n);
    else
        memset(dst, 0, n);
}

void hth_j_mark_like(HthJVm *vm, const HthJSb *sb, size_t from, const char *like) {
    if (!vm->marks || from == sb->n) return;
    const char *src = marks_at(vm->marks, like);
    if (src) memset(marks_at(vm->marks, sb->p + from), *src, sb->n - from);
}

HthStatus hth_j_input(HthJVm *vm, HthStr s, HthJVal *out) {
    char *copy;
    if (vm->marks && vm->marks->data && s.n) {
        HTH_TRY(hth_j_take_text(vm, s.n, &copy));
        memcpy(copy, s.p, s.n);
        memset(marks_at(vm->marks, copy), 1, s.n);
        s.p = copy;
    }
    *out = hth_j_str(s);
    return HTH_OK;
}

const char *hth_j_marks(const HthJVm *vm, const HthJSb *sb) {
    return sb->n ? marks_at(vm->marks, sb->p) : "";
}
