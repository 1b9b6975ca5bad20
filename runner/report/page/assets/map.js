// The map of verdicts by formula and dtype: over all devices and executions, or over those that are asked for.
const map = () => {
  if (!view.map) return;
  const {formulas, dtypes, filters, groups, verdicts} = view.map;
  const counted = (formula, dtype) => {
    const counts = {};
    for (const group of groups)
      if (group.formula === formula && group.dtype === dtype && filters.every(name => !asked.get(name) || group[name] === asked.get(name)))
        for (const [verdict, rows] of Object.entries(group.counts)) counts[verdict] = (counts[verdict] || 0) + rows;
    return counts;
  };
  const cell = (place, counts, wanted) => {
    const worst = verdicts.findLast(verdict => counts[verdict]);
    if (!worst) {
      place.className = "none";
      return place.replaceChildren(made("span", "not run", {class: "hidden"}));
    }
    const [sign, style] = view.looks[worst], query = new URLSearchParams(wanted);
    const told = verdicts.filter(verdict => counts[verdict]).map(verdict => `${counts[verdict]} ${verdict}`).join(", ");
    const link = made("a", undefined, {href: `#rows?${query}`, title: told});
    link.append(made("span", sign, {"aria-hidden": "true"}), ` ${worst}`);
    place.className = style;
    place.replaceChildren(link);
  };
  const rows = [...document.querySelectorAll("#map tbody tr")];
  const update = () => {
    const chosen = Object.fromEntries(filters.filter(name => asked.get(name)).map(name => [name, asked.get(name)]));
    formulas.forEach((formula, i) => dtypes.forEach((dtype, j) =>
      cell(rows[i].cells[j + 1], counted(formula, dtype), {formula, dtype, ...chosen})));
  };
  for (const name of filters) {
    const texts = [...new Set(groups.map(group => group[name]))].sort();
    if (texts.length > 1) at("map-filters").append(chooser(name, texts, "map"), " ");
  }
  watchers.push(update);
};
map();
