// The table of all rows: sorted, filtered and searched by numbers of rows; fifty of them are in the page at a time.
const table = async () => {
  const source = at("data");
  if (!source) return;
  const PER_PAGE = 50, MOST_CHOICES = 60;
  const {first, filters, lists, badges, title, said, sides} = view.table;

  const binary = atob(source.textContent), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const data = JSON.parse(await new Response(inflated).text());
  source.remove();
  const columns = new Map(data.columns.map(column => [column.name, column]));
  const value = (name, row) => {
    const column = columns.get(name);
    return column.texts ? column.texts[column.cells[row]] : column.figures[row];
  };
  const shown = (name, row) => {
    const cell = value(name, row);
    if (cell === null || cell === undefined) return "";
    return typeof cell === "number" && !Number.isInteger(cell) ? Number(cell.toPrecision(4)).toString() : String(cell);
  };
  // A text of some columns lists several, as "slower; hungrier".
  const parts = (name, text) => lists.includes(name) ? text.split("; ") : [text];
  const names = [...columns.keys()].filter(name => name !== "command");
  const usual = first.filter(name => columns.has(name));
  const show = () => {
    const wanted = (asked.get("show") || "").split(",").filter(name => columns.has(name));
    return wanted.length ? wanted : usual;
  };
  const showing = wanted => ask("rows", {show: wanted.join() === usual.join() ? "" : wanted.join()});
  const sorting = () => asked.get("sort") || "";
  let page = 0;

  // Of a column of texts each is looked at once, however many rows have it.
  const matches = (name, test) => columns.get(name).texts.map(test);
  const selected = () => {
    const tests = filters.filter(name => asked.get(name) && columns.has(name) && columns.get(name).texts)
      .map(name => [columns.get(name).cells, matches(name, text => parts(name, text).includes(asked.get(name)))]);
    const words = (asked.get("q") || "").toLowerCase().split(/\s+/).filter(Boolean);
    const searched = names.filter(name => columns.get(name).texts);
    const found = words.map(word => searched.map(name =>
      [columns.get(name).cells, matches(name, text => text.toLowerCase().includes(word))]));
    const kept = [];
    for (let row = 0; row < data.rows; row++)
      if (tests.every(([cells, fits]) => fits[cells[row]]) &&
          found.every(anywhere => anywhere.some(([cells, fits]) => fits[cells[row]]))) kept.push(row);
    return kept;
  };
  const sorted = rows => {
    const column = columns.get(sorting().replace(/^-/, ""));
    if (!column) return rows;
    const down = sorting().startsWith("-") ? -1 : 1;
    const rank = new Int32Array(column.texts ? column.texts.length : 0);
    if (column.texts) [...column.texts.keys()].sort((a, b) => column.texts[a] < column.texts[b] ? -1 : 1)
      .forEach((text, place) => { rank[text] = place; });
    const key = new Float64Array(data.rows);
    for (const row of rows) {
      const cell = column.texts ? rank[column.cells[row]] : column.figures[row];
      key[row] = cell === null ? NaN : typeof cell === "string" ? (cell === "-inf" ? -Infinity : Infinity) : cell;
    }
    const empty = rows.filter(row => Number.isNaN(key[row])), full = rows.filter(row => !Number.isNaN(key[row]));
    return [...full.sort((a, b) => down * (key[a] - key[b]) || a - b), ...empty];
  };

  const head = () => {
    const row = made("tr"), [by, down] = [sorting().replace(/^-/, ""), sorting().startsWith("-")];
    for (const name of show()) {
      const cell = made("th", undefined, {scope: "col"});
      cell.setAttribute("aria-sort", by !== name ? "none" : down ? "descending" : "ascending");
      const button = made("button", name.replaceAll("_", " ") + (by !== name ? "" : down ? " ▾" : " ▴"),
        {type: "button", title: columns.get(name).meaning});
      button.onclick = () => {
        ask("rows", {sort: sorting() === name ? `-${name}` : sorting() === `-${name}` ? "" : name});
        [...at("table").querySelectorAll("thead button")][show().indexOf(name)].focus();
      };
      cell.append(button);
      row.append(cell);
    }
    row.append(made("th", "", {scope: "col", "aria-label": "details"}));
    at("table").tHead.replaceChildren(row);
  };
  const body = rows => at("table").tBodies[0].replaceChildren(...rows.map(number => {
    const row = made("tr");
    for (const name of show()) {
      const text = shown(name, number), cell = made("td");
      if (badges.includes(name)) cell.append(...(text ? parts(name, text) : []).flatMap(part => [badge(part), " "]));
      else cell.textContent = text;
      if (lists.includes(name)) cell.className = "badges";
      if (!columns.get(name).texts) cell.className = "number";
      row.append(cell);
    }
    const open = made("button", "open", {type: "button"});
    const last = made("td");
    last.append(open);
    row.append(last);
    row.onclick = () => detail(number);
    return row;
  }));
  // Which rows, and in which order, does not depend on the page of them that is seen, nor on its columns.
  let order, ordered;
  const inOrder = () => {
    const by = ["q", "sort", ...filters].map(name => asked.get(name)).join("\n");
    if (by !== ordered) [order, ordered] = [sorted(selected()), by];
    return order;
  };
  const update = () => {
    const order = inOrder(), pages = Math.max(1, Math.ceil(order.length / PER_PAGE));
    page = Math.min(Math.max(0, Number(asked.get("page")) || 0), pages - 1);
    head();
    body(order.slice(page * PER_PAGE, (page + 1) * PER_PAGE));
    at("status").textContent = `${order.length.toLocaleString("en")} of ${data.rows.toLocaleString("en")} rows`;
    at("page").textContent = `page ${page + 1} of ${pages}`;
    at("previous").disabled = page === 0;
    at("next").disabled = page >= pages - 1;
    if (at("search") !== document.activeElement) at("search").value = asked.get("q") || "";
    for (const box of at("columns").querySelectorAll("input")) box.checked = show().includes(box.value);
  };

  const listed = (names, number) => {
    const list = made("dl");
    for (const name of names) {
      const text = shown(name, number);
      if (!text) continue;
      const pair = made("div", undefined, {title: columns.get(name).meaning});
      pair.append(made("dt", name.replaceAll("_", " ")), made("dd", text));
      list.append(pair);
    }
    return list;
  };
  // Figures of two sides, as old_verdict and new_verdict, stand beside each other.
  const beside = number => {
    const both = made("table"), row = (tag, cells) => {
      const line = made("tr");
      line.append(...cells.map((text, i) => made(i ? tag : "th", text, i && tag === "td" ? {} : {scope: i ? "col" : "row"})));
      return line;
    };
    both.append(row("th", ["", ...sides]));
    for (const name of names.filter(name => name.startsWith(`${sides[0]}_`)).map(name => name.slice(sides[0].length + 1)))
      both.append(row("td", [name.replaceAll("_", " "), ...sides.map(side => shown(`${side}_${name}`, number))]));
    return both;
  };
  const MARKS = {wrong: "\u2717", "may be": "?"}, TRACED = ["wrong", "inaccurate"];
  const listings = view.listings || {};
  const source_of = ({files}) => Object.entries(files).map(([file, lines]) => {
    const code = made("table", undefined, {class: "listing"});
    code.append(made("caption", file));
    for (const {line, text = "", what = "", in_u, mark} of lines) {
      const row = made("tr", undefined, mark ? {class: mark === "wrong" ? "is-wrong" : "may-be"} : {});
      const sign = made("td", MARKS[mark] || "", mark ? {title: mark} : {});
      const error = in_u === undefined ? "" : `${Number(Number(in_u).toPrecision(2))} u`;
      row.append(sign, made("td", line), made("td", what), made("td", error), made("td", text));
      code.append(row);
    }
    return code;
  });
  const detail = number => {
    const box = at("detail");
    const heading = title.filter(name => columns.has(name)).map(name => shown(name, number)).filter(Boolean).join(" ");
    const parts = [made("h3", heading, {id: "detail-title"})];
    const why = said.filter(name => columns.has(name)).map(name => shown(name, number)).find(Boolean);
    if (why) parts.push(made("p", why, {class: "said"}));
    if (columns.has("command")) parts.push(made("pre", shown("command", number), {class: "command", tabindex: "0"}));
    if (sides.length) parts.push(beside(number));
    else if (columns.has("verdict") && TRACED.includes(shown("verdict", number))) {
      const who = ["formula", "derivation"].map(name => shown(name, number)).join(" ");
      if (Object.hasOwn(listings, who)) parts.push(...source_of(listings[who]));
    }
    parts.push(listed(names.filter(name => !sides.some(side => name.startsWith(`${side}_`))), number));
    const close = made("button", "Close", {type: "button"});
    close.onclick = () => box.close();
    box.replaceChildren(...parts, close);
    box.showModal();
  };

  for (const name of filters.filter(name => columns.has(name) && columns.get(name).texts)) {
    const texts = [...new Set(columns.get(name).texts.flatMap(text => parts(name, text)))].filter(Boolean).sort();
    if (texts.length > 1 && texts.length <= MOST_CHOICES) at("filters").append(chooser(name, texts, "rows"), " ");
  }
  for (const name of names) {
    const label = made("label", ` ${name.replaceAll("_", " ")}`, {title: columns.get(name).meaning});
    const box = made("input", undefined, {type: "checkbox", value: name});
    box.onchange = () => showing(box.checked ? [...show(), name] : show().filter(other => other !== name));
    label.prepend(box);
    at("columns").append(label);
  }
  let typing;
  at("search").oninput = event => {
    clearTimeout(typing);
    typing = setTimeout(() => ask("rows", {q: event.target.value, page: ""}), 120);
  };
  at("clear").onclick = () => { asked = new URLSearchParams(); ask("rows", {}); };
  at("previous").onclick = () => ask("rows", {page: page - 1});
  at("next").onclick = () => ask("rows", {page: page + 1});
  at("plain").hidden = true;
  at("app").hidden = false;
  watchers.push(update);
};
table().then(() => {
  changed();
  if (place) at(place).scrollIntoView();
  document.documentElement.dataset.ready = "true";
});
