//! The page of the gateway for people: operations, their fields as tables, answers, and examples to copy, all out of the OpenAPI
//! document. One text in itself: no script, no font and no picture from elsewhere.

use super::node::Node;
use std::fmt::Write as _;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--accent:#0a6ebd}\
@media(prefers-color-scheme:dark){:root{--accent:#6ab7f5}}\
*{box-sizing:border-box}\
body{margin:0 auto;max-width:70rem;padding:1rem 1.25rem 4rem;font:16px/1.5 system-ui,sans-serif}\
h1{margin:.5rem 0}h1 small{font-size:.9rem;font-weight:400;opacity:.7}\
h2{margin:3rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--line)}\
h3{margin:1.5rem 0 .5rem;font-size:1.05rem}\
a{color:var(--accent)}\
code,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Consolas,monospace}\
code{background:var(--soft);padding:.1em .3em;border-radius:4px;overflow-wrap:anywhere}\
pre{background:var(--soft);padding:.75rem;border-radius:6px;overflow-x:auto}\
.path{font:600 1rem/1.4 ui-monospace,SFMono-Regular,Consolas,monospace;overflow-wrap:anywhere}\
.method{display:inline-block;padding:.05em .5em;border-radius:4px;background:var(--accent);color:Canvas}\
.wide{overflow-x:auto}\
table{border-collapse:collapse;width:100%;font-size:.925rem}\
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--line)}\
td:first-child,td:nth-child(2):not(:last-child){white-space:nowrap}\
.must{color:#b3261e;font-weight:600}@media(prefers-color-scheme:dark){.must{color:#ff8a80}}\
.bounds{opacity:.75}\
details{margin:.4rem 0}summary{cursor:pointer}";

/// The page of this OpenAPI document.
#[must_use]
pub fn page(openapi: &Node) -> String {
    let page = Page { openapi, out: String::new() };
    page.whole()
}

struct Page<'d> {
    openapi: &'d Node,
    out: String,
}

impl<'d> Page<'d> {
    fn whole(mut self) -> String {
        let title = self.escaped_text("/info/title");
        let version = self.escaped_text("/info/version");
        self.put(&format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title} {version}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <h1>{title} <small>{version}</small></h1>\n"
        ));
        let description = self.openapi.at("/info/description").and_then(Node::text).unwrap_or_default();
        self.prose(description);
        self.put("<p>For machines: <a href=\"/openapi.json\">/openapi.json</a>. Fields with <span class=\"must\">*</span> have to be there.</p>\n");
        self.contents();
        for (path, method, operation) in self.operations() {
            self.operation(path, method, operation);
        }
        self.callers();
        self.problems();
        self.put("</body>\n</html>\n");
        self.out
    }

    fn put(&mut self, html: &str) {
        self.out.push_str(html);
    }

    /// A text of the document, escaped.
    fn escaped_text(&self, pointer: &str) -> String {
        escaped(self.openapi.at(pointer).and_then(Node::text).unwrap_or_default())
    }

    fn operations(&self) -> Vec<(&'d str, &'d str, &'d Node)> {
        let paths = self.openapi.get("paths").map_or(&[][..], Node::members);
        let of_path = |(path, methods): &'d (String, Node)| {
            methods
                .members()
                .iter()
                .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        };
        paths.iter().flat_map(of_path).collect()
    }

    /// What a reference leads to.
    fn resolved(&self, node: &'d Node) -> &'d Node {
        let pointer = node.get("$ref").and_then(Node::text).and_then(|text| text.strip_prefix('#'));
        pointer.and_then(|pointer| self.openapi.at(pointer)).unwrap_or(node)
    }

    fn contents(&mut self) {
        self.put("<ul>\n");
        for (path, method, operation) in self.operations() {
            let line = format!(
                "<li><a href=\"#{}\">{}</a>: <code>{} {}</code></li>\n",
                text(operation, "operationId"),
                escaped(text(operation, "summary")),
                method.to_uppercase(),
                escaped(path)
            );
            self.put(&line);
        }
        self.put("</ul>\n");
    }

    fn operation(&mut self, path: &str, method: &str, operation: &'d Node) {
        let head = format!(
            "<h2 id=\"{}\">{}</h2>\n<p class=\"path\"><span class=\"method\">{}</span> {}</p>\n",
            text(operation, "operationId"),
            escaped(text(operation, "summary")),
            method.to_uppercase(),
            escaped(path)
        );
        self.put(&head);
        self.prose(text(operation, "description"));
        let scope = operation.at("/security/0/bearer/0").and_then(Node::text).unwrap_or_default();
        self.put(&format!("<p>Needs the scope <code>{}</code>.</p>\n<h3>Parameters</h3>\n", escaped(scope)));
        self.parameters(operation);
        let content = operation.at("/requestBody/content/application~1json");
        if let Some(schema) = content.and_then(|content| content.get("schema")) {
            self.put("<h3>Body</h3>\n");
            self.fields(self.resolved(schema));
        }
        self.put("<h3>Examples</h3>\n");
        let examples = content.and_then(|content| content.get("examples")).map_or(&[][..], Node::members);
        for (_, example) in examples {
            let value = example.get("value").map(ToString::to_string).unwrap_or_default();
            self.example(
                text(example, "summary"),
                &curl(self.openapi, path, method, operation, Some(&value)),
            );
        }
        if examples.is_empty() {
            self.example("With curl", &curl(self.openapi, path, method, operation, None));
        }
        self.put("<h3>Answers</h3>\n");
        self.answers(operation);
    }

    fn example(&mut self, summary: &str, shown: &str) {
        let html = format!(
            "<details><summary>{}</summary><pre>{}</pre></details>\n",
            escaped(summary),
            escaped(shown.trim_end())
        );
        self.put(&html);
    }

    fn parameters(&mut self, operation: &'d Node) {
        self.table(&["Name", "In", "Meaning"]);
        for parameter in operation.get("parameters").map_or(&[][..], Node::items) {
            let parameter = self.resolved(parameter);
            let must = parameter.get("required") == Some(&Node::Bool(true));
            let row = format!(
                "<tr><td><code>{}</code>{}</td><td>{}</td><td>{}{}</td></tr>\n",
                escaped(text(parameter, "name")),
                required(must),
                escaped(text(parameter, "in")),
                marked(text(parameter, "description")),
                parameter.get("schema").map(bounds).unwrap_or_default()
            );
            self.put(&row);
        }
        self.put("</table></div>\n");
    }

    /// The fields of an object or of the elements of a list, those within it behind a dot.
    fn fields(&mut self, schema: &'d Node) {
        self.table(&["Field", "Type", "Meaning"]);
        self.rows("", schema);
        self.put("</table></div>\n");
    }

    fn rows(&mut self, before: &str, schema: &'d Node) {
        let schema = schema.get("items").map_or(schema, |items| self.resolved(items));
        let needed = schema.get("required").map_or(&[][..], Node::items);
        for (name, field) in schema.get("properties").map_or(&[][..], Node::members) {
            let field = self.resolved(field);
            let must = needed.iter().any(|needed| needed.text() == Some(name));
            let row = format!(
                "<tr><td><code>{}{}</code>{}</td><td>{}</td><td>{}{}</td></tr>\n",
                escaped(before),
                escaped(name),
                required(must),
                escaped(&kind(field)),
                marked(text(field, "description")),
                bounds(field)
            );
            self.put(&row);
            let is_list = field.get("items").is_some();
            self.rows(&format!("{before}{name}{}.", if is_list { "[]" } else { "" }), field);
        }
    }

    fn table(&mut self, columns: &[&str]) {
        let columns: String = columns.iter().map(|column| format!("<th>{column}</th>")).collect();
        self.put(&format!("<div class=\"wide\"><table><tr>{columns}</tr>\n"));
    }

    fn answers(&mut self, operation: &'d Node) {
        self.table(&["Status", "Meaning"]);
        let answers = operation.get("responses").map_or(&[][..], Node::members);
        for (status, answer) in answers {
            let answer = self.resolved(answer);
            let row = format!(
                "<tr><td><code>{status}</code></td><td>{}</td></tr>\n",
                marked(text(answer, "description"))
            );
            self.put(&row);
        }
        self.put("</table></div>\n");
        for (status, answer) in answers {
            let Some(content) = self.resolved(answer).at("/content/application~1json") else { continue };
            if let Some(schema) = content.get("schema") {
                self.put(&format!("<h3>Body of {status}</h3>\n"));
                self.fields(self.resolved(schema));
            }
            for (_, example) in content.get("examples").map_or(&[][..], Node::members) {
                let value = example.get("value").map(ToString::to_string).unwrap_or_default();
                self.example(text(example, "summary"), &value);
            }
        }
    }

    fn callers(&mut self) {
        self.put("<h2 id=\"callers\">Callers</h2>\n");
        for (_, scheme) in self.openapi.at("/components/securitySchemes").map_or(&[][..], Node::members) {
            self.prose(text(scheme, "description"));
        }
    }

    fn problems(&mut self) {
        self.put("<h2 id=\"problems\">Problems</h2>\n");
        if let Some(schema) = self.openapi.at("/components/schemas/Problem") {
            self.fields(schema);
        }
        for (status, problem) in self.openapi.at("/components/responses").map_or(&[][..], Node::members) {
            let example = problem.at("/content/application~1problem+json/example");
            let shown = example.map(ToString::to_string).unwrap_or_default();
            self.example(&format!("{status}: {}", text(problem, "description")), &shown);
        }
    }

    /// Paragraphs and lists, as the document's texts have them.
    fn prose(&mut self, text: &str) {
        for block in text.split("\n\n").filter(|block| !block.is_empty()) {
            let html = if block.starts_with("- ") {
                let items = block.trim_start_matches("- ").split("\n- ");
                let items: String = items.map(|item| format!("<li>{}</li>", marked(item))).collect();
                format!("<ul>{items}</ul>\n")
            } else {
                format!("<p>{}</p>\n", marked(block))
            };
            self.put(&html);
        }
    }
}

fn text<'n>(node: &'n Node, name: &str) -> &'n str {
    node.get(name).and_then(Node::text).unwrap_or_default()
}

fn required(must: bool) -> &'static str {
    if must { " <span class=\"must\" title=\"required\">*</span>" } else { "" }
}

/// The type of a field in a word or two.
fn kind(field: &Node) -> String {
    let named = |node: &Node| node.text().unwrap_or_default().to_owned();
    let kind = match field.get("type") {
        Some(Node::List(kinds)) => {
            let kinds: Vec<String> = kinds.iter().map(named).filter(|kind| kind != "null").collect();
            kinds.join(" or ")
        }
        Some(kind) => named(kind),
        None => String::new(),
    };
    match text(field, "format") {
        "date-time" => "RFC 3339".to_owned(),
        _ => kind,
    }
}

/// What bounds a value, in words.
fn bounds(schema: &Node) -> String {
    let mut said = Vec::new();
    let symbols = schema.get("enum").map_or(&[][..], Node::items).iter().filter_map(Node::text);
    let symbols: Vec<String> = symbols.map(escaped).collect();
    if !symbols.is_empty() {
        said.push(format!("One of <code>{}</code>.", symbols.join("</code> <code>")));
    }
    for (name, before, after) in [
        ("maxLength", "At most ", " characters."),
        ("maxItems", "At most ", " elements."),
        ("minimum", "Not below ", "."),
        ("maximum", "Not above ", "."),
        ("x-decimals-max", "At most ", " decimals."),
    ] {
        if let Some(bound) = schema.get(name).and_then(Node::text) {
            said.push(format!("{before}{bound}{after}"));
        }
    }
    if said.is_empty() { String::new() } else { format!(" <span class=\"bounds\">{}</span>", said.join(" ")) }
}

/// A request as curl sends it.
fn curl(openapi: &Node, path: &str, method: &str, operation: &Node, body: Option<&str>) -> String {
    let mut path = path.to_owned();
    for parameter in operation.get("parameters").map_or(&[][..], Node::items) {
        let pointer = parameter.get("$ref").and_then(Node::text).unwrap_or_default();
        let parameter = openapi.at(pointer.trim_start_matches('#')).unwrap_or(parameter);
        path = path.replace(&format!("{{{}}}", text(parameter, "name")), text(parameter, "example"));
    }
    let mut command = format!(
        "curl -X {} \"$GATEWAY{path}\" \\\n  -H \"Authorization: Bearer $TOKEN\"",
        method.to_uppercase()
    );
    if let Some(body) = body {
        if operation.get("operationId").and_then(Node::text) == Some("createAccountEvent") {
            command.push_str(" \\\n  -H \"Idempotency-Key: $(uuidgen)\"");
        }
        // Writing into a text does not fail.
        let _ = write!(
            command,
            " \\\n  -H 'Content-Type: application/json' \\\n  -d '{}'",
            body.trim_end().replace('\'', "'\\''")
        );
    }
    command
}

/// Text with `code` and **strong** parts.
fn marked(text: &str) -> String {
    let mut html = String::new();
    for (place, part) in text.split('`').enumerate() {
        if place % 2 == 1 {
            let _ = write!(html, "<code>{}</code>", escaped(part));
            continue;
        }
        for (place, part) in part.split("**").enumerate() {
            let _ = match place % 2 {
                1 => write!(html, "<strong>{}</strong>", escaped(part)),
                _ => write!(html, "{}", escaped(part)),
            };
        }
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
