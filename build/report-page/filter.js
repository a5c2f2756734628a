// Comfort for who reads the report with scripts: a field that shows only the routes with the words typed.
// Without scripts the page lacks this field and nothing else.
(() => {
  const ROWS_MIN = 20;
  const map = document.getElementById("map");
  const rows = [...map.querySelectorAll("tbody tr")];
  if (rows.length < ROWS_MIN) return;
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const folds = [...map.querySelectorAll("details")];

  const label = document.createElement("label");
  label.className = "filter";
  label.textContent = "Show only ";
  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = "path, method, route, upstream";
  const found = document.createElement("output");
  label.append(field, found);
  map.querySelector("ol").after(label);

  function show() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, i) => {
      const fits = words.every((word) => texts[i].includes(word));
      row.hidden = !fits;
      if (fits) shown++;
    });
    for (const fold of folds) {
      const some = fold.querySelector("tbody tr:not([hidden])") !== null;
      fold.hidden = !some;
      fold.open = some && words.length > 0 && shown <= 500;
    }
    found.textContent = words.length === 0 ? "" : ` ${shown} of ${rows.length}`;
  }

  let waiting;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 80);
  });
})();
