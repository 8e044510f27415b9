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
    let page = HtmlPage { openapi, out: String::new() };
    page.whole()
}

struct HtmlPage<'d> {
    openapi: &'d Node,
    out: String,
}

impl<'d> HtmlPage<'d> {
    fn whole(mut self) -> String {
        let empty = Node::object();
        let info = self.openapi.get("info").unwrap_or(&empty);
        let [title, version] = ["title", "version"].map(|name| escaped(info.text_of(name)));
        self.put(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title} {version}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <h1>{title} <small>{version}</small></h1>\n"
        ));
        self.prose(info.text_of("description"));
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

    fn put(&mut self, html: impl AsRef<str>) {
        self.out.push_str(html.as_ref());
    }

    fn operations(&self) -> Vec<(&'d str, &'d str, &'d Node)> {
        let of_path = |(path, methods): &'d (String, Node)| {
            let methods = methods.members().iter();
            methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        };
        self.openapi.members_of("paths").iter().flat_map(of_path).collect()
    }

    /// What a reference leads to.
    fn resolved(&self, node: &'d Node) -> &'d Node {
        let pointer = node.text_of("$ref").strip_prefix('#');
        pointer.and_then(|pointer| self.openapi.at(pointer)).unwrap_or(node)
    }

    fn contents(&mut self) {
        self.put("<ul>\n");
        for (path, method, operation) in self.operations() {
            self.put(format!(
                "<li><a href=\"#{}\">{}</a>: <code>{} {}</code></li>\n",
                operation.text_of("operationId"),
                escaped(operation.text_of("summary")),
                method.to_uppercase(),
                escaped(path)
            ));
        }
        self.put("</ul>\n");
    }

    fn operation(&mut self, path: &str, method: &str, operation: &'d Node) {
        self.put(format!(
            "<h2 id=\"{}\">{}</h2>\n<p class=\"path\"><span class=\"method\">{}</span> {}</p>\n",
            operation.text_of("operationId"),
            escaped(operation.text_of("summary")),
            method.to_uppercase(),
            escaped(path)
        ));
        self.prose(operation.text_of("description"));
        let scope = operation.at("/security/0/bearer/0").and_then(Node::text).unwrap_or_default();
        self.put(format!("<p>Needs the scope <code>{}</code>.</p>\n<h3>Parameters</h3>\n", escaped(scope)));
        self.parameters(operation);
        let content = operation.at("/requestBody/content/application~1json");
        if let Some(schema) = content.and_then(|content| content.get("schema")) {
            self.put("<h3>Body</h3>\n");
            self.fields(schema);
        }
        self.put("<h3>Examples</h3>\n");
        match content {
            None => self.example("With curl", &curl(self.openapi, path, method, operation, None)),
            Some(content) => {
                for (summary, value) in examples(content) {
                    self.example(summary, &curl(self.openapi, path, method, operation, Some(&value)));
                }
            }
        }
        self.put("<h3>Answers</h3>\n");
        self.answers(operation);
    }

    fn example(&mut self, summary: &str, shown: &str) {
        let [summary, shown] = [summary, shown.trim_end()].map(escaped);
        self.put(format!("<details><summary>{summary}</summary><pre>{shown}</pre></details>\n"));
    }

    fn parameters(&mut self, operation: &'d Node) {
        let parameters = operation.items_of("parameters").iter();
        let row = |parameter: &'d Node| {
            let parameter = self.resolved(parameter);
            let bounds = parameter.get("schema").map(bounds).unwrap_or_default();
            vec![
                name_cell(
                    "",
                    parameter.text_of("name"),
                    parameter.get("required") == Some(&Node::Bool(true)),
                ),
                escaped(parameter.text_of("in")),
                marked(parameter.text_of("description")) + &bounds,
            ]
        };
        let rows = parameters.map(row).collect();
        self.table(&["Name", "In", "Meaning"], rows);
    }

    /// The fields of an object or of the elements of a list, those within it behind a dot.
    fn fields(&mut self, schema: &'d Node) {
        let mut rows = Vec::new();
        self.rows("", self.resolved(schema), &mut rows);
        self.table(&["Field", "Type", "Meaning"], rows);
    }

    fn rows(&self, before: &str, schema: &'d Node, rows: &mut Vec<Vec<String>>) {
        let schema = schema.get("items").map_or(schema, |items| self.resolved(items));
        let needed = schema.items_of("required");
        for (name, field) in schema.members_of("properties") {
            let field = self.resolved(field);
            rows.push(vec![
                name_cell(before, name, needed.iter().any(|needed| needed.text() == Some(name))),
                escaped(&kind(field)),
                marked(field.text_of("description")) + &bounds(field),
            ]);
            let list = if field.get("items").is_some() { "[]" } else { "" };
            self.rows(&format!("{before}{name}{list}."), field, rows);
        }
    }

    fn table(&mut self, columns: &[&str], rows: Vec<Vec<String>>) {
        let columns: String = columns.iter().map(|column| format!("<th>{column}</th>")).collect();
        self.put(format!("<div class=\"wide\"><table><tr>{columns}</tr>\n"));
        for cells in rows {
            let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
            self.put(format!("<tr>{cells}</tr>\n"));
        }
        self.put("</table></div>\n");
    }

    fn answers(&mut self, operation: &'d Node) {
        let answers = operation.members_of("responses");
        let row = |(status, answer): &'d (String, Node)| {
            vec![format!("<code>{status}</code>"), marked(self.resolved(answer).text_of("description"))]
        };
        let rows = answers.iter().map(row).collect();
        self.table(&["Status", "Meaning"], rows);
        for (status, answer) in answers {
            let Some(content) = self.resolved(answer).at("/content/application~1json") else { continue };
            if let Some(schema) = content.get("schema") {
                self.put(format!("<h3>Body of {status}</h3>\n"));
                self.fields(schema);
            }
            for (summary, value) in examples(content) {
                self.example(summary, &value);
            }
        }
    }

    fn callers(&mut self) {
        self.put("<h2 id=\"callers\">Callers</h2>\n");
        for (_, scheme) in self.openapi.at("/components/securitySchemes").map_or(&[][..], Node::members) {
            self.prose(scheme.text_of("description"));
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
            self.example(&format!("{status}: {}", problem.text_of("description")), &shown);
        }
    }

    /// Paragraphs and lists, as the document's texts have them.
    fn prose(&mut self, text: &str) {
        for block in text.split("\n\n").filter(|block| !block.is_empty()) {
            self.put(if block.starts_with("- ") {
                let items = block.trim_start_matches("- ").split("\n- ");
                let items: String = items.map(|item| format!("<li>{}</li>", marked(item))).collect();
                format!("<ul>{items}</ul>\n")
            } else {
                format!("<p>{}</p>\n", marked(block))
            });
        }
    }
}

/// The examples of a body: what each shows, and itself.
fn examples(content: &Node) -> impl Iterator<Item = (&str, String)> {
    let examples = content.members_of("examples").iter();
    examples.map(|(_, example)| (example.text_of("summary"), example.copy_of("/value").to_string()))
}

/// The name of a field or a parameter, within others, and whether it has to be there.
fn name_cell(before: &str, name: &str, must: bool) -> String {
    let mark = if must { " <span class=\"must\" title=\"required\">*</span>" } else { "" };
    format!("<code>{}{}</code>{mark}", escaped(before), escaped(name))
}

/// The type of a field in a word or two.
fn kind(field: &Node) -> String {
    if field.text_of("format") == "date-time" {
        return "RFC 3339".to_owned();
    }
    let kinds = field.items_of("type").iter().filter_map(Node::text);
    let kinds: Vec<&str> = kinds.filter(|kind| *kind != "null").collect();
    if kinds.is_empty() { field.text_of("type").to_owned() } else { kinds.join(" or ") }
}

/// What bounds a value, in words.
fn bounds(schema: &Node) -> String {
    let mut said = Vec::new();
    let symbols = schema.items_of("enum").iter().filter_map(Node::text);
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
    for parameter in operation.items_of("parameters") {
        let parameter = openapi.at(parameter.text_of("$ref").trim_start_matches('#')).unwrap_or(parameter);
        path = path.replace(&format!("{{{}}}", parameter.text_of("name")), parameter.text_of("example"));
    }
    let mut command = format!(
        "curl -X {} \"$GATEWAY{path}\" \\\n  -H \"Authorization: Bearer $TOKEN\"",
        method.to_uppercase()
    );
    if let Some(body) = body {
        if operation.text_of("operationId") == "createAccountEvent" {
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
