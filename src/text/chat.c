/* chat.c - see chat.h: opens, closes and renders templates; the language is in jinja*.c. */
#include "text/chat.h"

#include "base/mem.h"
#include "text/jinja.h"

#define SOURCE_MAX    ((size_t)1 << 20)
#define STEPS_MAX     20000000u
#define DEPTH_MAX     200u
#define OUTPUT_MAX    ((size_t)64 << 20)
#define MEMORY_MAX    ((size_t)512 << 20)
#define NEST_PER_CALL 10 /* node visits on the C stack for each call allowed */

static HthStatus compile(HthTemplate *t, HthErr *err) {
    HthJParser p = { .t = t, .err = err };
    HthStatus st = hth_map_open(&p.ids, 256, err);
    if (st == HTH_OK) st = hth_j_lex(&p);
    if (st == HTH_OK) st = hth_j_p_id(&p, HTH_STR("loop"), &t->loop_id);
    if (st == HTH_OK) st = hth_j_p_id(&p, HTH_STR("caller"), &t->caller_id);
    if (st == HTH_OK) st = hth_j_p_id(&p, HTH_STR("varargs"), &t->varargs_id);
    if (st == HTH_OK) st = hth_j_p_id(&p, HTH_STR("kwargs"), &t->kwargs_id);
    if (st == HTH_OK) st = hth_j_parse(&p);
    if (st == HTH_OK) st = hth_j_scopes(&p, t->body);
    hth_map_close(&p.ids);
    return st;
}

HthStatus hth_template_open(HthTemplate **out, HthStr source, HthErr *err) {
    HTH_REQUIRE(source.n <= SOURCE_MAX, err, HTH_ELIMIT,
                "the chat template has %zu bytes; at most %zu are read", source.n, SOURCE_MAX);
    HTH_REQUIRE(hth_utf8_valid(source), err, HTH_EFORMAT, "the chat template is not valid UTF-8");
    HthTemplate *t = hth_calloc(1, sizeof *t);
    HTH_REQUIRE(t, err, HTH_ENOMEM, "out of memory for a chat template");
    HthStatus st = hth_arena_open(&t->arena, HTH_J_COMPILE_MAX, err);
    if (st != HTH_OK) goto out;
    const char *own = hth_arena_copy(t->arena, source.p, source.n);
    if (!own) {
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory for a chat template");
        goto out;
    }
    t->source = (HthStr){ own, source.n };
    st = compile(t, err);
out:
    if (st == HTH_OK)
        *out = t;
    else
        hth_template_close(&t);
    return st;
}

void hth_template_close(HthTemplate **t) {
    if (!*t) return;
    hth_arena_close(&(*t)->arena);
    hth_free(*t);
    *t = NULL;
}

static HthStatus run(HthJVm *vm) {
    HthJScope *root;
    HthJFlow flow = HTH_J_GO;
    HTH_TRY(hth_j_take(vm, vm->t->name_count, sizeof *vm->context, &vm->context));
    HTH_TRY(hth_j_take(vm, 1, sizeof *root, &root));
    vm->scope = root;
    for (uint32_t i = 0; i < vm->t->body->unset_count; i++)
        HTH_TRY(hth_j_set(vm, vm->t->body->unset[i], (HthJVal){ .kind = HTH_J_ABSENT }));
    return hth_j_exec(vm, vm->t->body, &flow);
}

HthStatus hth_template_render(const HthTemplate *t, const json_t *vars, int64_t unix_s,
                              const HthTemplateLimits *limits, HthBuf *out, HthErr *err) {
    return hth_template_render_marked(t, vars, unix_s, limits, out, NULL, err);
}

/* Both or neither. */
static HthStatus hand_over(const HthJVm *vm, HthBuf *out, HthBuf *marks, HthErr *err) {
    size_t n = vm->root.n, before = marks ? marks->n : 0;
    if (marks) HTH_TRY(hth_buf_add(marks, hth_j_marks(vm, &vm->root), n, err));
    HthStatus st = hth_buf_add(out, n ? vm->root.p : "", n, err);
    if (st != HTH_OK && marks) marks->n = before;
    return st;
}

HthStatus hth_template_render_marked(const HthTemplate *t, const json_t *vars, int64_t unix_s,
                                     const HthTemplateLimits *limits, HthBuf *out, HthBuf *marks,
                                     HthErr *err) {
    HthJMarks room = { 0 };
    HthTemplateLimits l = limits ? *limits : (HthTemplateLimits){ 0 };
    HTH_REQUIRE(json_is_object(vars), err, HTH_EINVAL,
                "the variables of a chat template must be a JSON object");
    uint32_t depth = l.depth_max ? l.depth_max : DEPTH_MAX;
    HTH_REQUIRE(depth <= 1000, err, HTH_EINVAL, "a depth of %u is asked for; at most 1000", depth);
    HthJVm vm = {
        .t = t,
        .vars = vars,
        .marks = marks ? &room : NULL,
        .err = err,
        .unix_s = unix_s,
        .steps_max = l.steps_max ? l.steps_max : STEPS_MAX,
        .output_max = l.output_max ? l.output_max : OUTPUT_MAX,
        .bytes_max = l.memory_max ? l.memory_max : MEMORY_MAX,
        .nest_max = depth * NEST_PER_CALL,
        .calls_max = depth,
    };
    vm.out = &vm.root;
    /* the machine counts for itself; the arena's ceiling only has to be no lower */
    HTH_TRY(hth_arena_open(&vm.arena, vm.bytes_max * 2 + ((size_t)64 << 20), err));
    HthStatus st = run(&vm);
    if (st == HTH_OK) st = hand_over(&vm, out, marks, err);
    hth_arena_close(&vm.arena);
    return st;
}
