"use strict";
// What is looked at stands in the address, as in #rows?verdict=wrong&q=softmax&sort=-manual_ms, so that it can be sent.
const at = id => document.getElementById(id);
const made = (tag, text, attributes = {}) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};
const view = JSON.parse(at("view").textContent);
const badge = text => {
  const [sign, style] = view.looks[text] || ["!", "v-failed"];
  const element = made("span", undefined, {class: `badge ${style}`});
  element.append(made("span", sign, {"aria-hidden": "true"}), ` ${text}`);
  return element;
};

const PLACES = ["map", "rows"];
let place = "", asked = new URLSearchParams();
const watchers = [];
const changed = () => watchers.forEach(watch => watch());
const fromAddress = () => {
  const [where, query] = location.hash.slice(1).split("?");
  if (!PLACES.includes(where)) return false;
  [place, asked] = [where, new URLSearchParams(query)];
  return true;
};
// Ask for another view, as ask("rows", {sort: "-manual_ms", page: ""}); what is empty is not asked for.
const ask = (where, changes) => {
  place = where;
  for (const [name, value] of Object.entries(changes)) if (value) asked.set(name, value); else asked.delete(name);
  const query = asked.toString();
  history.replaceState(null, "", query ? `#${place}?${query}` : `#${place}`);
  changed();
};
const chooser = (name, texts, where) => {
  const label = made("label", `${name.replaceAll("_", " ")} `), select = made("select", undefined, {name});
  select.append(made("option", "all", {value: ""}), ...texts.map(text => made("option", text, {value: text})));
  select.onchange = () => ask(where, {[name]: select.value, page: ""});
  watchers.push(() => { select.value = asked.get(name) || ""; });
  label.append(select);
  return label;
};
fromAddress();
addEventListener("hashchange", () => {
  if (!fromAddress()) return;
  changed();
  at(place).scrollIntoView();
});
