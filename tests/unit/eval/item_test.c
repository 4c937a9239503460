/* item_test.c - lines of the published test sets, and lines that are not. */
#include "support/test.h"

#include "eval/item.h"

static HthEvalItem item;

static int make(void **state) {
    (void)state;
    hth_json_init();
    hth_eval_item_init(&item);
    return 0;
}

static int drop(void **state) {
    (void)state;
    hth_eval_item_drop(&item);
    return 0;
}

static HthStatus read_as(const char *line, HthEvalStyle style, const char *group, HthErr *err) {
    return hth_eval_item_read(&item, hth_str(line), style, group, err);
}

/* Choice i is given this and asked about that. */
static void is(uint32_t i, const char *given, const char *scored, size_t own) {
    const HthEvalChoice *c = &item.choices[i];
    assert_int_equal(c->context, strlen(given));
    assert_int_equal(c->all, strlen(given) + strlen(scored));
    assert_memory_equal(item.text.p + c->at, given, c->context);
    assert_memory_equal(item.text.p + c->at + c->context, scored, c->all - c->context);
    assert_int_equal(c->own, own);
}

static void reads(const char *line, HthEvalStyle style, uint32_t count, uint32_t label) {
    HthErr err = { 0 };
    assert_ok(read_as(line, style, NULL, &err), err);
    assert_int_equal(item.count, count);
    assert_int_equal(item.label, label);
}

static void hellaswag(void **state) {
    (void)state;
    reads("{\"ctx\":\"He\",\"label\":1,\"endings\":[\"runs.\",\"sits.\"]}", HTH_EVAL_AUTO, 2, 1);
    is(0, "He", " runs.", 5);
    is(1, "He", " sits.", 5);
    reads("{\"activity_label\":\"Golf\",\"ctx\":\"He\",\"label\":\"0\",\"endings\":[\"a\",\"b\","
          "\"cd\"]}",
          HTH_EVAL_AUTO, 3, 0);
    is(2, "Golf: He", " cd", 2);
}

static void questions(void **state) {
    (void)state;
    reads("{\"question\":\"Why?\",\"choices\":[\"So\",\"Not\"],\"label\":1}", HTH_EVAL_AUTO, 2, 1);
    is(1, "Question: Why?\nAnswer:", " Not", 3);
    /* As AI2 publishes ARC, and as it is often passed on. */
    reads("{\"id\":\"x\",\"question\":{\"stem\":\"Why?\",\"choices\":[{\"text\":\"So\",\"label\":"
          "\"1\"},"
          "{\"text\":\"Not\",\"label\":\"2\"}]},\"answerKey\":\"2\"}",
          HTH_EVAL_AUTO, 2, 1);
    is(0, "Question: Why?\nAnswer:", " So", 2);
    reads("{\"question\":\"Why?\",\"choices\":{\"text\":[\"So\",\"Not\",\"Yet\"],\"label\":[\"A\","
          "\"B\",\"C\"]},\"answerKey\":\"C\"}",
          HTH_EVAL_AUTO, 3, 2);
    is(2, "Question: Why?\nAnswer:", " Yet", 3);
    reads("{\"question\":\"Why?\",\"choices\":[\"So\",\"Not\"],\"answerKey\":\"A\"}", HTH_EVAL_AUTO,
          2, 0);
}

static void yes_or_no(void **state) {
    (void)state;
    reads("{\"question\":\"is it\",\"answer\":true}", HTH_EVAL_AUTO, 2, 0);
    is(0, "Question: is it?\nAnswer:", " yes", 3);
    is(1, "Question: is it?\nAnswer:", " no", 2);
    reads("{\"question\":\"is it?\",\"answer\":\"false\",\"passage\":\"P.\"}", HTH_EVAL_AUTO, 2, 1);
    is(0, "P.\nQuestion: is it?\nAnswer:", " yes", 3);
}

static void blanks(void **state) {
    (void)state;
    reads(
        "{\"sentence\":\"The _ ran.\",\"option1\":\"dog\",\"option2\":\"stone\",\"answer\":\"1\"}",
        HTH_EVAL_AUTO, 2, 0);
    is(0, "The dog", " ran.", 5);
    is(1, "The stone", " ran.", 5);
    reads("{\"question\":\"The _ ran.\",\"choices\":[\"dog\",\"stone\"],\"label\":1}",
          HTH_EVAL_BLANK, 2, 1);
    is(1, "The stone", " ran.", 5);
}

static void pairs(void **state) {
    (void)state;
    reads("{\"sentence_good\":\"He runs.\",\"sentence_bad\":\"He run.\"}", HTH_EVAL_AUTO, 2, 0);
    is(0, "", "He runs.", 8);
    is(1, "", "He run.", 7);
}

static void in_groups(void **state) {
    HthErr err = { 0 };
    (void)state;
    const char *line =
        "{\"ctx\":\"He\",\"label\":1,\"endings\":[\"a\",\"b\"],\"lang\":\"de\",\"n\":7,"
        "\"t\":true,\"bad\":\"a\\u0001b\",\"none\":null}";
    assert_ok(read_as(line, HTH_EVAL_AUTO, "lang", &err), err);
    assert_string_equal(item.group, "de");
    assert_ok(read_as(line, HTH_EVAL_AUTO, "n", &err), err);
    assert_string_equal(item.group, "7");
    assert_ok(read_as(line, HTH_EVAL_AUTO, "t", &err), err);
    assert_string_equal(item.group, "true");
    assert_ok(read_as(line, HTH_EVAL_AUTO, NULL, &err), err);
    assert_string_equal(item.group, "");
    assert_status(read_as(line, HTH_EVAL_AUTO, "bad", &err), HTH_EFORMAT, err);
    assert_status(read_as(line, HTH_EVAL_AUTO, "none", &err), HTH_EFORMAT, err);
    assert_status(read_as(line, HTH_EVAL_AUTO, "missing", &err), HTH_EFORMAT, err);
}

/* Each is refused, with a sentence that has none of its words. */
static void refused(void **state) {
    static const struct {
        const char *line;
        HthEvalStyle style;
    } bad[] = {
        { "", HTH_EVAL_AUTO },
        { "[\"Zebra\"]", HTH_EVAL_AUTO },
        { "{\"Zebra\":1}", HTH_EVAL_AUTO },
        { "{\"ctx\":\"Zebra\"", HTH_EVAL_AUTO },
        { "{\"ctx\":\"Zebra\",\"endings\":[\"a\",\"b\"]}", HTH_EVAL_AUTO },
        { "{\"ctx\":\"Zebra\",\"endings\":[\"a\",\"b\"],\"label\":2}", HTH_EVAL_AUTO },
        { "{\"ctx\":\"Zebra\",\"endings\":[\"a\",\"b\"],\"label\":-1}", HTH_EVAL_AUTO },
        { "{\"ctx\":\"Zebra\",\"endings\":[\"a\",\"b\"],\"label\":\"x\"}", HTH_EVAL_AUTO },
        { "{\"ctx\":\"Zebra\",\"endings\":[\"a\",\"b\"],\"label\":4294967296}", HTH_EVAL_AUTO },
        { "{\"ctx\":7,\"endings\":[\"a\",\"b\"],\"label\":0}", HTH_EVAL_AUTO },
        { "{\"ctx\":\"Zebra\",\"endings\":[\"a\"],\"label\":0}", HTH_EVAL_AUTO },
        { "{\"ctx\":\"Zebra\",\"endings\":[\"a\",\"\"],\"label\":0}", HTH_EVAL_AUTO },
        { "{\"ctx\":\"Zebra\",\"endings\":[\"a\",3],\"label\":0}", HTH_EVAL_AUTO },
        { "{\"ctx\":\"Zebra\",\"endings\":\"Zebra\",\"label\":0}", HTH_EVAL_AUTO },
        { "{\"question\":\"Zebra\",\"choices\":[\"a\",\"b\"],\"answerKey\":\"Z\"}", HTH_EVAL_AUTO },
        { "{\"question\":\"Zebra\",\"choices\":[\"a\",\"b\"],\"answerKey\":\"0\"}", HTH_EVAL_AUTO },
        { "{\"question\":\"Zebra\",\"choices\":{\"label\":[\"a\",\"b\"]},\"label\":0}",
          HTH_EVAL_AUTO },
        { "{\"question\":{\"stem\":3},\"choices\":[\"a\",\"b\"],\"label\":0}", HTH_EVAL_AUTO },
        { "{\"question\":\"Zebra\",\"answer\":\"Zebra\"}", HTH_EVAL_AUTO },
        { "{\"question\":\"Zebra\",\"choices\":[\"a\",\"b\"],\"label\":0}", HTH_EVAL_BLANK },
        { "{\"sentence\":\"Zebra _\",\"option1\":\"a\",\"option2\":\"b\",\"answer\":\"1\"}",
          HTH_EVAL_AUTO },
        { "{\"sentence\":\"_ Zebra\",\"option1\":\"a\",\"option2\":\"\",\"answer\":\"1\"}",
          HTH_EVAL_AUTO },
        { "{\"sentence_good\":\"Zebra\",\"sentence_bad\":\"\"}", HTH_EVAL_AUTO },
        { "{\"sentence_good\":\"Zebra\"}", HTH_EVAL_PAIR },
        { "{\"question\":\"Zebra\",\"answer\":true}", HTH_EVAL_ENDING },
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        HthErr err = { 0 };
        assert_status(read_as(bad[i].line, bad[i].style, NULL, &err), HTH_EFORMAT, err);
        assert_true(err.text[0] != '\0');
        assert_null(strstr(err.text, "Zebra"));
    }
}

static void too_many(void **state) {
    HthBuf line;
    HthErr err = { 0 };
    (void)state;
    for (int count = HTH_EVAL_CHOICES_MAX; count <= HTH_EVAL_CHOICES_MAX + 1; count++) {
        hth_buf_init(&line, 1 << 16);
        assert_ok(hth_buf_printf(&line, &err, "{\"ctx\":\"c\",\"label\":0,\"endings\":["), err);
        for (int i = 0; i < count; i++)
            assert_ok(hth_buf_printf(&line, &err, "%s\"e\"", i ? "," : ""), err);
        assert_ok(hth_buf_printf(&line, &err, "]}"), err);
        assert_status(read_as(line.p, HTH_EVAL_AUTO, NULL, &err),
                      count > HTH_EVAL_CHOICES_MAX ? HTH_EFORMAT : HTH_OK, err);
        hth_buf_drop(&line);
    }
}

static void texts(void **state) {
    json_t *owner = NULL;
    HthStr text;
    char group[HTH_EVAL_GROUP_MAX + 1];
    HthErr err = { 0 };
    (void)state;
    assert_ok(hth_eval_text_read(&owner, &text, group, HTH_STR("{\"text\":\"a\\nb\",\"l\":\"x\"}"),
                                 "l", &err),
              err);
    assert_true(hth_str_eq(text, HTH_STR("a\nb")));
    assert_string_equal(group, "x");
    json_decref(owner);
    assert_status(
        hth_eval_text_read(&owner, &text, group, HTH_STR("{\"txt\":\"Zebra\"}"), NULL, &err),
        HTH_EFORMAT, err);
    assert_null(strstr(err.text, "Zebra"));
}

static HthStatus body(void *ctx) {
    HthErr err = { 0 };
    HthEvalItem own;
    (void)ctx;
    hth_eval_item_init(&own);
    const HthStatus st = hth_eval_item_read(
        &own,
        HTH_STR("{\"question\":\"Why?\",\"choices\":[\"So\",\"Not\"],\"label\":1,\"g\":\"x\"}"),
        HTH_EVAL_AUTO, "g", &err);
    hth_eval_item_drop(&own);
    return st;
}

static void out_of_memory(void **state) {
    (void)state;
    assert_true(test_torture(body, NULL, 200) > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hellaswag),     cmocka_unit_test(questions), cmocka_unit_test(yes_or_no),
        cmocka_unit_test(blanks),        cmocka_unit_test(pairs),     cmocka_unit_test(in_groups),
        cmocka_unit_test(refused),       cmocka_unit_test(too_many),  cmocka_unit_test(texts),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
