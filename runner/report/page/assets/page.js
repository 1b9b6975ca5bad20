"use strict";
// The table of all rows: sorted, filtered and searched by numbers of rows; fifty of them are in the page at a time.
// Which view is shown stands in the address, as in #rows?verdict=wrong&q=softmax&sort=-manual_ms&show=wrt,dtype.
(async () => {
  const source = document.getElementById("data");
  if (!source) return;
  const PER_PAGE = 50, MOST_CHOICES = 60;
  const FILTERS = ["verdict", "formula", "derivation", "dtype", "device", "execution"];
  const FIRST = ["experiment", "derivation", "wrt", "dtype", "verdict", "shape", "max_abs_error", "error_over_bound",
    "manual_ms", "speedup"];
  const at = id => document.getElementById(id);
  const made = (tag, text, attributes = {}) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  const bytes = Uint8Array.from(atob(source.textContent), c => c.charCodeAt(0));
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
  const signs = JSON.parse(at("signs").textContent);
  const badge = verdict => {
    const element = made("span", undefined, {class: `badge v-${verdict}`});
    element.append(made("span", signs[verdict] || "!", {"aria-hidden": "true"}), ` ${verdict}`);
    return element;
  };
  const names = [...columns.keys()].filter(name => name !== "command");

  let state, order = [];
  const read = () => {
    const [place, query] = location.hash.slice(1).split("?");
    const given = new URLSearchParams(place === "rows" ? query : "");
    const wanted = (given.get("show") || "").split(",").filter(name => columns.has(name));
    state = {
      q: given.get("q") || "", sort: given.get("sort") || "", page: Math.max(0, Number(given.get("page")) || 0),
      show: wanted.length ? wanted : FIRST.filter(name => columns.has(name)),
      filters: Object.fromEntries(FILTERS.filter(name => given.get(name)).map(name => [name, given.get(name)])),
    };
  };
  const written = () => {
    const query = new URLSearchParams(state.filters);
    if (state.q) query.set("q", state.q);
    if (state.sort) query.set("sort", state.sort);
    if (state.page) query.set("page", state.page);
    if (state.show.join() !== FIRST.filter(name => columns.has(name)).join()) query.set("show", state.show.join());
    const text = query.toString();
    history.replaceState(null, "", text ? `#rows?${text}` : "#rows");
  };

  // Of a column of texts each is looked at once, however many rows have it.
  const matches = (name, test) => columns.get(name).texts.map(test);
  const selected = () => {
    const tests = Object.entries(state.filters).filter(([name]) => columns.has(name) && columns.get(name).texts)
      .map(([name, wanted]) => [columns.get(name).cells, matches(name, text => text === wanted)]);
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
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
    const name = state.sort.replace(/^-/, ""), column = columns.get(name);
    if (!column) return rows;
    const down = state.sort.startsWith("-") ? -1 : 1;
    const rank = column.texts && new Map([...column.texts.keys()]
      .sort((a, b) => column.texts[a] < column.texts[b] ? -1 : 1).map((place, number) => [place, number]));
    const key = new Float64Array(data.rows);
    for (const row of rows) {
      const cell = column.texts ? rank.get(column.cells[row]) : column.figures[row];
      key[row] = cell === null ? NaN : typeof cell === "string" ? (cell === "-inf" ? -Infinity : Infinity) : cell;
    }
    const empty = rows.filter(row => Number.isNaN(key[row])), full = rows.filter(row => !Number.isNaN(key[row]));
    return [...full.sort((a, b) => down * (key[a] - key[b]) || a - b), ...empty];
  };

  const head = () => {
    const row = made("tr");
    for (const name of state.show) {
      const by = state.sort.replace(/^-/, "") === name;
      const cell = made("th", undefined, {scope: "col"});
      cell.setAttribute("aria-sort", !by ? "none" : state.sort.startsWith("-") ? "descending" : "ascending");
      const button = made("button", name.replaceAll("_", " ") + (by ? (state.sort.startsWith("-") ? " ▾" : " ▴") : ""),
        {type: "button", title: columns.get(name).meaning});
      button.onclick = () => {
        state.sort = state.sort === name ? `-${name}` : state.sort === `-${name}` ? "" : name;
        update();
        [...at("table").querySelectorAll("thead button")][state.show.indexOf(name)].focus();
      };
      cell.append(button);
      row.append(cell);
    }
    row.append(made("th", "", {scope: "col", "aria-label": "details"}));
    at("table").tHead.replaceChildren(row);
  };
  const body = () => {
    const rows = order.slice(state.page * PER_PAGE, (state.page + 1) * PER_PAGE).map(number => {
      const row = made("tr");
      for (const name of state.show) {
        const text = shown(name, number), cell = made("td");
        if (name === "verdict") cell.append(badge(text));
        else cell.textContent = text;
        if (!columns.get(name).texts) cell.className = "number";
        row.append(cell);
      }
      const open = made("button", "open", {type: "button"});
      const last = made("td");
      last.append(open);
      row.append(last);
      row.onclick = () => detail(number);
      return row;
    });
    at("table").tBodies[0].replaceChildren(...rows);
  };
  const update = () => {
    order = sorted(selected());
    const pages = Math.max(1, Math.ceil(order.length / PER_PAGE));
    state.page = Math.min(state.page, pages - 1);
    head();
    body();
    at("status").textContent = `${order.length.toLocaleString("en")} of ${data.rows.toLocaleString("en")} rows`;
    at("page").textContent = `page ${state.page + 1} of ${pages}`;
    at("previous").disabled = state.page === 0;
    at("next").disabled = state.page >= pages - 1;
    at("search").value = state.q;
    for (const select of at("filters").querySelectorAll("select")) select.value = state.filters[select.name] || "";
    for (const box of at("columns").querySelectorAll("input")) box.checked = state.show.includes(box.value);
    written();
  };

  const detail = number => {
    const box = at("detail"), list = made("dl");
    for (const name of names) {
      const text = shown(name, number);
      if (!text) continue;
      const pair = made("div", undefined, {title: columns.get(name).meaning});
      pair.append(made("dt", name.replaceAll("_", " ")), made("dd", text));
      list.append(pair);
    }
    const title = ["experiment", "derivation", "wrt", "dtype"].map(name => shown(name, number)).join(" ");
    const parts = [made("h3", title, {id: "detail-title"})];
    const said = columns.has("diagnosis") && shown("diagnosis", number) || columns.has("error") && shown("error", number);
    if (said) parts.push(made("p", said, {class: "said"}));
    if (columns.has("command")) parts.push(made("pre", shown("command", number), {class: "command", tabindex: "0"}));
    const close = made("button", "Close", {type: "button"});
    close.onclick = () => box.close();
    box.replaceChildren(...parts, list, close);
    box.showModal();
  };

  for (const name of FILTERS.filter(name => columns.has(name) && columns.get(name).texts)) {
    const texts = columns.get(name).texts;
    if (texts.length < 2 || texts.length > MOST_CHOICES) continue;
    const label = made("label", `${name} `), select = made("select", undefined, {name});
    select.append(made("option", "all", {value: ""}), ...[...texts].sort().map(text => made("option", text, {value: text})));
    select.onchange = () => {
      if (select.value) state.filters[name] = select.value; else delete state.filters[name];
      state.page = 0;
      update();
    };
    label.append(select);
    at("filters").append(label, " ");
  }
  for (const name of names) {
    const label = made("label", ` ${name.replaceAll("_", " ")}`, {title: columns.get(name).meaning});
    const box = made("input", undefined, {type: "checkbox", value: name});
    box.onchange = () => {
      state.show = box.checked ? [...state.show, name] : state.show.filter(other => other !== name);
      update();
    };
    label.prepend(box);
    at("columns").append(label);
  }
  let typing;
  at("search").oninput = event => {
    clearTimeout(typing);
    typing = setTimeout(() => { state.q = event.target.value; state.page = 0; update(); }, 120);
  };
  at("clear").onclick = () => { location.hash = "#rows"; read(); state.filters = {}; update(); };
  at("previous").onclick = () => { state.page--; update(); };
  at("next").onclick = () => { state.page++; update(); };
  addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#rows")) return;
    read();
    update();
    at("rows").scrollIntoView();
  });
  const asked = location.hash.startsWith("#rows");
  read();
  at("plain").hidden = true;
  at("app").hidden = false;
  update();
  if (asked) at("rows").scrollIntoView(); else history.replaceState(null, "", location.pathname);
  document.documentElement.dataset.ready = "true";
})();
