// The service's own description of its API, as a page that needs nothing from elsewhere.

import { element } from "../web/elements.js";

const spec = await (await fetch(new URL("openapi.json", document.baseURI))).json();
const schemas = spec.components?.schemas ?? {};
document.getElementById("about").textContent = `${spec.info.description} Version ${spec.info.version}.`;

for (const [path, methods] of Object.entries(spec.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const panel = element("section", { cls: "panel" });
    panel.append(element("h2", {}, element("code", { text: `${method.toUpperCase()} ${path}` })), element("p", { text: operation.summary ?? "" }));
    for (const parameter of operation.parameters ?? []) {
      panel.append(element("p", { cls: "quiet" }, element("code", { text: parameter.name }), ` (${parameter.in})`));
    }
    const body = operation.requestBody?.content?.["application/json"]?.schema;
    if (body) panel.append(fields("Body", body));
    const answers = element("ul", { cls: "reasons" });
    for (const [status, response] of Object.entries(operation.responses)) {
      answers.append(element("li", {}, element("span", { cls: "name", text: status }), element("span", { text: response.description })));
    }
    panel.append(answers);
    const answer = operation.responses["200"]?.content?.["application/json"]?.schema;
    if (answer) panel.append(fields("Answer", answer));
    document.getElementById("paths").append(panel);
  }
}

function fields(title, schema) {
  const details = element("details", {}, element("summary", { text: `${title}: ${kind(schema)}` }));
  details.append(list(schema, 0));
  return details;
}

function list(schema, depth) {
  const found = resolve(schema.items ?? schema);
  const made = element("ul", {});
  for (const [name, field] of Object.entries(found.properties ?? {})) {
    const item = element("li", {}, element("code", { text: name }), ` ${kind(field)}`);
    if (field.description) item.append(element("span", { cls: "quiet", text: ` ${field.description}` }));
    const inner = inside(field);
    if (inner && depth < 3) item.append(list(inner, depth + 1));
    made.append(item);
  }
  return made;
}

function inside(field) {
  const choices = [field, field.items, field.additionalProperties, ...(field.anyOf ?? [])].filter((one) => one && typeof one === "object");
  return choices.find((one) => resolve(one.items ?? one).properties);
}

function resolve(schema) {
  return schema?.$ref ? (schemas[schema.$ref.split("/").pop()] ?? {}) : (schema ?? {});
}

function kind(schema) {
  if (schema.anyOf) return schema.anyOf.map(kind).join(" or ");
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.type === "array") return `list of ${kind(schema.items ?? {})}`;
  if (schema.type === "object" && schema.additionalProperties && typeof schema.additionalProperties === "object") return `object of ${kind(schema.additionalProperties)}`;
  return schema.type ?? "anything";
}
