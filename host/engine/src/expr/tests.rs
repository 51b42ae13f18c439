//! Expressions by hand and at random.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn parse(text: &str) -> Expr {
    Expr::parse(text, Scope::Pair).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn event() -> Value {
    json!({
        "id": "1", "name": "shop/order.placed", "ts": 1_700_000_000_000_i64, "v": null, "user": null,
        "data": {
            "n": 5, "f": 4.5, "one": 1.0, "s": "Straße", "empty": "", "yes": true, "no": false, "nil": null,
            "big": u64::MAX, "list": [1, 2.0, "x"], "items": [{"price": 3}, {"price": 12}, {}],
            "a-b": {"c.d": 1}, "b64": "aGk=", "json": "{\"k\": [1]}", "at": "2026-01-15T12:00:00+02:00",
        },
    })
}

fn vars() -> Vars {
    Vars::new(&event()).and(&json!({"data": {"n": 5.0, "s": "other", "list": [1, 2, "x"]}}))
}

fn text(expr: &str) -> String {
    parse(expr).text(&vars()).unwrap_or_else(|| "fault".into())
}

/// Each line is `expression => its value as text`.
fn hold(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (expr, value) = line.split_once(" => ").expect("a table");
        assert_eq!(text(expr.trim()), value.trim(), "{expr}");
    }
}

#[test]
fn what_is_missing_is_null_however_deep() {
    hold(
        "event.data.nope == null => true
        event.data.nope.deeper[3].still == null => true
        event.data.list[7] == null => true
        event.data.list[-1] == null => true
        event.data.s.x == null => true
        event.data.nil == event.data.nope => true
        event.data.nope != 1 => true
        event.data.nope == 0 => false
        has(event.data.nil) => true
        has(event.data.nope) => false
        has(event.nope.deeper) => false",
    );
}

#[test]
fn values_of_different_types_differ_and_numbers_are_numbers() {
    hold(
        "event.data.n == '5' => false
        event.data.n == 5.0 => true
        event.data.one == 1 => true
        event.data.n > 4.5 => true
        event.data.f < 5 => true
        event.data.big == 18446744073709551615u => true
        event.data.big > 1e19 => true
        event.data.yes == 1 => false
        event.data.list == [1.0, 2, 'x'] => true
        event.data.list == async.data.list => true
        event.data.items[0] == {'price': 3.0} => true
        event.data.n < 'x' => fault
        9007199254740993 == 9007199254740992.0 => false",
    );
}

#[test]
fn null_is_less_than_anything_else() {
    hold(
        "event.data.nope < 5 => true
        event.data.nope > 5 => false
        5 > event.data.nope => true
        'a' < event.data.nope => false",
    );
}

#[test]
fn logic_takes_any_value_and_gives_the_one_that_decides() {
    hold(
        "event.data.empty || event.data.n => 5
        size(event.data.nope || event.data.empty) => 0
        event.data.n && event.data.s => Straße
        event.data.yes && 0 && 1 => 0
        !event.data.nope => true
        !event.data.list => false
        event.data.empty ? 1 : 2 => 2
        event.data.n < 'x' || true => true
        event.data.n < 'x' && false => false
        event.data.n < 'x' || false => fault
        true || false && false => true",
    );
    assert!(parse("event.data.s").holds(&vars()) && !parse("event.data.empty").holds(&vars()));
    assert!(!parse("event.data.n < 'x'").holds(&vars()), "what has no value does not hold");
}

#[test]
fn sums_put_together_and_arithmetic_stays_in_range() {
    hold(
        "'a' + 'b' => ab
        'n' + event.data.n => n5
        event.data.nope + 'x' => x
        event.data.n + event.data.nope => 5
        event.data.n + event.data.f => 9.5
        [1] + [2] => [1,2]
        5 / 2 => 2
        5.0 / 2 => 2.5
        -7 % 3 => -1
        -event.data.f => -4.5
        1 / 0 => fault
        1.0 / 0 => fault
        1 % 0 => fault
        9223372036854775807 * 3 => fault
        18446744073709551615u + 1u => fault
        -(-9223372036854775808) => 9223372036854775808
        1e308 * 10.0 => fault
        'a' - 1 => fault",
    );
}

#[test]
fn functions_do_what_they_say_and_nothing_to_null() {
    hold(
        "size(event.data.s) => 6
        event.data.list.size() => 3
        size(event.data) > 5 => true
        size(event.data.nope) => 0
        size(1) => fault
        event.data.s.contains('aß') => true
        event.data.s.startsWith('Str') && event.data.s.endsWith('e') => true
        event.data.nope.contains('x') => false
        event.data.n.contains('x') => fault
        event.data.s.matches('^S.*ß') => true
        matches(event.data.s, 'x') => false
        event.data.nope.matches('x') => false
        lowercase('AÉ') + uppercase('é') => aéÉ
        lowercase(event.data.nope) == null => true
        b64decode(event.data.b64) => hi
        b64decode('?') => fault
        json_parse(event.data.json).k[0] => 1
        json_parse('{') => fault
        int('5') + int(5.9) => 10
        int('x') => fault
        double('1.5') => 1.5
        string(1.0) => 1
        bool('true') => true
        dyn(1) => 1
        2 in event.data.list => true
        'n' in event.data => true
        1 in event.data.nope => false
        1 in 5 => fault",
    );
}

#[test]
fn dates_compare_with_dates_and_with_what_reads_as_one() {
    hold(
        "date(event.data.at) == date('2026-01-15T10:00:00Z') => true
        date(event.data.at) < date('2026-01-16') => true
        date(event.ts) => 2023-11-14T22:13:20Z
        date(event.data.at) > '2026-01-15T09:00:00Z' => true
        date(event.data.at) == 'x' => false
        date(event.data.at) < 'x' => fault
        date('x') => fault
        date(event.data.nope) == null => true
        int(date(event.ts)) => 1700000000",
    );
}

#[test]
fn macros_go_over_lists_and_the_names_of_objects() {
    hold(
        "event.data.items.exists(i, i.price > 10) => true
        event.data.items.all(i, i.price > 10) => false
        event.data.items.exists_one(i, i.price == 3) => true
        event.data.items.map(i, i.price) => [3,12,null]
        event.data.items.map(i, i.price > 5, i.price * 2) => [24]
        event.data.items.filter(i, has(i.price)) => [{\"price\":3},{\"price\":12}]
        size(event.data.items.filter(i, i.price > 2)) => 2
        [1, 2].map(a, [3, 4].map(b, a * b)) => [[3,4],[6,8]]
        {'k': 1}.all(name, name == 'k') => true
        event.data.nope.all(i, false) => true
        event.data.list.exists(i, i > 1) => true
        event.data.list.all(i, i < 1) => false
        event.data.list.all(i, i > 0) => fault
        event.data.n.all(i, true) => fault",
    );
}

#[test]
fn numbers_and_false_are_read_as_such() {
    let int = |e: &str| parse(e).int(&vars());
    assert_eq!(
        (int("event.data.n"), int("event.data.f"), int("event.data.big")),
        (Some(5), Some(4), Some(i64::MAX))
    );
    assert_eq!((int("'5'"), int("event.data.nope"), int("1 / 0")), (None, None, None));
    assert!(parse("event.data.no").is_false(&vars()));
    assert!(!parse("event.data.nope").is_false(&vars()) && !parse("'false'").is_false(&vars()));
}

#[test]
fn what_is_no_expression_is_told_with_its_place() {
    let refused = |text: &str, scope| Expr::parse(text, scope).expect_err(text);
    let long = "1 + ".repeat(250) + "1";
    let deep = "(".repeat(40) + "1" + &")".repeat(40);
    let minus = "-".repeat(500) + "1";
    let chain = "event".to_owned() + &".a".repeat(400);
    for (text, why, line, column) in [
        ("", "empty", 1, 1),
        ("event.data.n >", "ends too early", 1, 15),
        ("event.data.n = 1", "write `==`", 1, 14),
        ("true false", "extraneous input 'false'", 1, 6),
        ("true &&\n  nope.x", "there is no `nope`, only `event`", 2, 3),
        ("'é🦀' == foo", "there is no `foo`", 1, 9),
        ("event.a == async.b", "no `async` here", 1, 12),
        ("now() > event.ts", "`now` would differ", 1, 1),
        ("launch(event)", "no function `launch`", 1, 1),
        ("size(1, 2)", "takes 1 values, not 2", 1, 1),
        ("contains('a', 'b')", "write `x.contains(y)`", 1, 1),
        ("event.name.lowercase()", "write `lowercase(x)`", 1, 12),
        ("event.name.matches(event.data.p)", "has to be a text", 1, 30),
        ("event.name.matches('(')", "unclosed group", 1, 20),
        ("event.name.matches('\\\\w{1000}')", "size limit", 1, 20),
        ("b'bytes'", "events are JSON", 1, 1),
        ("Message{a: 1}", "no type `Message`", 1, 8),
        ("[1].all(event, true)", "has a meaning already", 1, 8),
        ("[1].all(x, true) && x", "there is no `x`", 1, 21),
        (&long, "the limit is 1000", 1, 1),
        (&deep, "32 levels", 1, 33),
        (&minus, "32 levels", 1, 33),
        (&chain, "32 levels", 1, 738),
    ] {
        let bad = refused(text, Scope::Event);
        assert!(bad.why.contains(why), "{text}: {bad}");
        assert_eq!((bad.line, bad.column), (line, column), "{text}: {bad}");
        assert!(!bad.why.contains('\n') && bad.why.len() < 300, "{bad}");
    }
    assert!(Expr::parse("event.a == async.b", Scope::Pair).is_ok());
    let shown = refused("true && nope", Scope::Pair).to_string();
    assert_eq!(shown, "there is no `nope`, only `event` and `async` (line 1, column 9 of the expression)");
}

#[test]
fn an_expression_is_stored_as_its_text() {
    let expr = parse(" event.data.n ==\n async.data.n ");
    let json = serde_json::to_string(&expr).expect("serialises");
    assert_eq!(json, r#"" event.data.n ==\n async.data.n ""#);
    assert_eq!(serde_json::from_str::<Expr>(&json).expect("reads"), expr);
    assert!(serde_json::from_str::<Expr>("\"nope(\"").is_err());
}

#[test]
fn an_equation_is_found_in_the_outermost_conjunction_only() {
    let equation = |e: &str| parse(e).equation(&event());
    let is = |path: &str, value: &str| Some((path.to_owned(), value.to_owned()));
    for (expr, found) in [
        ("event.data.n == async.data.n", is("data.n", "5")),
        ("async.data.n == event.data.n", is("data.n", "5")),
        ("async.data.n == 5.0", is("data.n", "5")),
        ("'x' == async['data'].s && true", is("data.s", "\"x\"")),
        ("async.data.n > 1 && (async.data.a == 1 && async.data.b == 2)", is("data.a", "1")),
        ("async.data.id == event.data.nope", is("data.id", "null")),
        ("async.data.id == lowercase(event.data.s)", is("data.id", "\"straße\"")),
        ("async.name == event.name", is("name", "\"shop/order.placed\"")),
        ("async.data.list == event.data.list", is("data.list", r#"[1,2,"x"]"#)),
        ("async.data.a == 1 || true", None),
        ("!(async.data.a == 1)", None),
        ("async.data.a == async.data.b", None),
        ("async == event", None),
        ("async.data.a == date(event.data.at)", None),
        ("async.data.a == 1 / 0", None),
        ("async.data['c.d'] == 1", None),
        ("async.data.list[0] == 1", None),
        ("event.data.n == 5", None),
    ] {
        assert_eq!(equation(expr), found, "{expr}");
    }
}

#[test]
fn a_value_at_a_path_has_one_text_for_all_that_equal_it() {
    let value = json!({"a": {"b": 1.0, "c": {"z": 1, "y": [1e3, -0.0, 0.5]}}, "s": "é\n", "big": u64::MAX});
    for (path, text) in [
        ("a.b", "1"),
        ("a.c", r#"{"y":[1000,0,0.5],"z":1}"#),
        ("s", r#""é\n""#),
        ("big", "18446744073709551615"),
        ("a.b.c", "null"),
        ("nope", "null"),
    ] {
        assert_eq!(at(&value, path), text, "{path}");
    }
    let long = |c: &str| at(&json!({"a": c.repeat(100)}), "a");
    assert!(long("x").starts_with("sha256:") && long("x").len() == 71 && long("x") != long("y"));
}

#[test]
fn no_event_makes_an_expression_expensive() {
    let numbers: Vec<u32> = (0..100_000).collect();
    let vars = Vars::new(&json!({"data": {"list": numbers, "text": "ab".repeat(1 << 20)}}));
    let sums = vec!["event.data.text"; 30].join(" + ");
    // without the budget each of these would take minutes, or gigabytes
    for expr in [
        "event.data.list.all(a, event.data.list.all(b, event.data.list.all(c, a + b + c >= 0)))",
        "event.data.list.map(a, event.data.list)",
        "event.data.list.map(a, event.data.list) == []",
        "size(event.data.list.map(a, event.data.list.map(b, event.data.text))) > 0",
        "event.data.text.matches('(a|b|ab)*c(a?b?){50}$')",
        "[1,2,3,4,5,6,7,8].map(a, lowercase(event.data.text)) != []",
        &sums,
    ] {
        assert_eq!(parse(expr).text(&vars), None, "{expr}");
    }
    for expr in [
        "size(event.data.list) == 100000",
        "event.data.list.exists(a, a == 9999)",
        "event.data.text == event.data.text",
    ] {
        assert!(parse(expr).holds(&vars), "{expr}");
    }
}

#[test]
fn long_expressions_fit_the_stack_of_a_small_thread() {
    let texts = [
        ["true"; 160].join("&&"),
        ["true"; 160].join("||"),
        ["1"; 30].join("+"),
        format!("{}1{}", "(".repeat(31), ")".repeat(31)),
        format!("{}1{}", "[".repeat(31), "]".repeat(31)),
        format!("{}true", "!".repeat(31)),
        format!("event{}", ".a".repeat(31)),
        format!("event{}", "[0]".repeat(31)),
        format!("{}1", "true?1:".repeat(31)),
        ["event.a"; 100].join("<"),
        "event.a".to_owned() + &".size()".repeat(130),
        "-".repeat(31) + "1",
        "'".repeat(999),
        "event".to_owned() + &".a".repeat(490),
        "1+".repeat(490) + "1",
        "{1:".repeat(31) + "1" + &"}".repeat(31),
        "[1].all(a,".repeat(31) + "true" + &")".repeat(31),
    ];
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    let parsed = thread.spawn(move || {
        let each = texts
            .iter()
            .map(|text| Expr::parse(text, Scope::Pair).is_ok_and(|expr| expr.text(&vars()).is_some()));
        each.filter(|held| *held).count()
    });
    assert!(parsed.expect("a thread").join().expect("no panic") >= 10);
}

/// JSON with many equal values among it.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2i64..3).prop_map(Value::from),
        (-2i32..3).prop_map(|n| Value::from(f64::from(n))),
        prop::sample::select(vec![0.5, 1e18, 1e19, 1.8446744073709552e19, 1e20, 9007199254740992.0])
            .prop_map(Value::from),
        prop::sample::select(vec![9007199254740993i64, 1_000_000_000_000_000_000, i64::MAX, i64::MIN])
            .prop_map(Value::from),
        Just(Value::from(u64::MAX)),
        "[01a\"]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[xy]", inner, 0..3).prop_map(|m| m.into_iter().collect()),
        ]
    })
}

/// Texts that often are expressions.
fn any_text() -> impl Strategy<Value = String> {
    let parts = vec![
        "event",
        "async",
        ".x",
        ".data",
        "[0]",
        "['y']",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "?",
        "==",
        "!=",
        "<",
        ">=",
        "&&",
        "||",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        " in ",
        "1",
        "0",
        "2.5",
        "1u",
        "'s'",
        "null",
        "true",
        "size(",
        ".size()",
        ".contains(",
        ".matches('a*')",
        "has(",
        ".all(v,",
        ".map(v,",
        ".filter(v,",
        "v",
        "int(",
        "date(",
        "json_parse(",
        "b64decode(",
        "string(",
        "'",
        "\"",
        "\\",
        "b'",
        "r'",
        "//",
        "\n",
        "é",
        "\u{1f980}",
        "`",
        "@",
        ".",
        "..",
    ];
    prop::collection::vec(prop::sample::select(parts), 0..14).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_and_no_event_make_it_panic(text in prop_oneof![any_text(), ".{0,60}", "\\PC{0,60}"], event in any_json(), new in any_json()) {
        if let Ok(expr) = Expr::parse(&text, Scope::Pair) {
            let vars = Vars::new(&event).and(&new);
            let _ = (expr.holds(&vars), expr.text(&vars), expr.int(&vars), expr.equation(&event));
        }
    }

    #[test]
    fn an_equation_finds_exactly_the_events_for_which_the_filter_holds(a in any_json(), b in any_json()) {
        let (own, new) = (json!({"data": {"x": a}}), json!({"data": {"x": b}}));
        let expr = parse("event.data.x == async.data.x");
        let (path, value) = expr.equation(&own).expect("an equation");
        prop_assert_eq!(at(&new, &path) == value, expr.holds(&Vars::new(&own).and(&new)));
    }

    #[test]
    fn order_and_equality_agree(a in any_json(), b in any_json()) {
        let vars = Vars::new(&json!({"a": a, "b": b}));
        let holds = |e: &str| parse(e).holds(&vars);
        if parse("event.a < event.b").text(&vars).is_some() {
            let ways = ["event.a < event.b", "event.a == event.b", "event.a > event.b"];
            prop_assert_eq!(ways.into_iter().filter(|way| holds(way)).count(), 1);
        }
    }
}
