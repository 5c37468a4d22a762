"use strict";
(() => {
  const root = document.documentElement;
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const shown = new Map(); // chart id -> number of the view that is drawn
  const NARROW_PX = 640, LEGEND_LINE_PX = 21;

  // --- light and dark ---------------------------------------------------------------------------
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const themeButton = document.getElementById("theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const nameOther = () => { themeButton.textContent = isDark() ? "light" : "dark"; };
  // A file opened from disk may be denied storage; then the choice lasts as long as the page.
  const stored = (write) => { try { return write(window.localStorage); } catch { return null; } };
  const kept = stored((storage) => storage.getItem("bench-report-theme"));
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  nameOther();
  themeButton.hidden = false;
  themeButton.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    stored((storage) => storage.setItem("bench-report-theme", root.dataset.theme));
    nameOther();
    redraw();
  });
  system.addEventListener("change", () => { nameOther(); redraw(); });

  // --- tables -----------------------------------------------------------------------------------
  const sortKey = (row, column) => row.cells[column]?.dataset.sort;
  const compare = (a, b) =>
    a !== "" && b !== "" && isFinite(a) && isFinite(b) ? a - b : a.localeCompare(b);
  for (const table of document.querySelectorAll("table.rows")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0];
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [sortKey(a, column), sortKey(b, column)];
        if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
        return down ? compare(y, x) : compare(x, y);
      });
      body.append(...rows);
    }));
  }

  // --- charts -----------------------------------------------------------------------------------
  function colours() {
    const probe = document.body.appendChild(document.createElement("span"));
    const found = {};
    for (const name of ["text", "muted", "line", "page", "shade"]) {
      probe.style.color = `var(--${name})`;
      found["@" + name] = getComputedStyle(probe).color;
    }
    probe.remove();
    return found;
  }

  const coloured = (value, palette) =>
    typeof value === "string" ? palette[value] ?? value
    : Array.isArray(value) ? value.map((item) => coloured(item, palette))
    : value && typeof value === "object"
      ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, palette)]))
    : value;

  function layoutOf(chart, view, width, palette) {
    const axis = (given) => given && ({
      gridcolor: palette["@line"], zerolinecolor: palette["@line"], linecolor: palette["@line"],
      tickangle: 0, tickfont: { size: width < NARROW_PX ? 11 : 12 }, automargin: true, ...given,
      title: { ...given.title, font: { size: 12.5, color: palette["@muted"] } },
    });
    const below = width < NARROW_PX;
    const lines = view.layout.showlegend ? view.data.length : 0;
    return {
      ...view.layout,
      xaxis: axis(view.layout.xaxis), yaxis: axis(view.layout.yaxis),
      width, height: chart.height + (below ? lines * LEGEND_LINE_PX + 20 : 0),
      margin: { l: 8, r: 12, t: 12, b: 8 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: palette["@text"] },
      legend: { ...view.layout.legend, ...(below ? { orientation: "h", y: -0.22, yanchor: "top", x: 0 } : {}) },
      hoverlabel: { align: "left", bgcolor: palette["@shade"], bordercolor: palette["@muted"],
        font: { color: palette["@text"], size: 12.5 } },
      dragmode: below ? false : "zoom",
    };
  }

  function draw(id) {
    const chart = charts[id], figure = document.getElementById(id);
    const view = chart.views[shown.get(id)], palette = colours();
    const width = Math.max(figure.clientWidth, chart.min_width);
    return Plotly.react(
      figure.querySelector(".plot"), coloured(view.data, palette),
      layoutOf(chart, view, width, palette),
      { displaylogo: false, displayModeBar: false, responsive: false },
    );
  }

  const redraw = () => { for (const id of shown.keys()) draw(id); };

  function open(id) {
    const chart = charts[id], figure = document.getElementById(id);
    shown.set(id, 0);
    const plot = document.createElement("div");
    plot.className = "plot";
    if (chart.views.length > 1) {
      const bar = document.createElement("div");
      bar.className = "views";
      const buttons = chart.views.map((view, number) => {
        const button = bar.appendChild(document.createElement("button"));
        button.type = "button";
        button.textContent = view.label;
        button.setAttribute("aria-pressed", String(number === 0));
        button.addEventListener("click", () => {
          shown.set(id, number);
          buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
          draw(id);
        });
        return button;
      });
      figure.append(bar);
    }
    figure.append(plot);
    figure.removeAttribute("role"); // there are buttons in it now
    return draw(id);
  }

  async function unpacked(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  async function start() {
    const library = document.createElement("script");
    library.textContent = await unpacked(document.getElementById("plotting").textContent);
    document.head.append(library);
    // Drawn when scrolled to: a report of many models still opens at once.
    const watcher = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (isIntersecting) { watcher.unobserve(target); open(target.id); }
      }
    }, { rootMargin: "600px" });
    for (const id of Object.keys(charts)) {
      const figure = document.getElementById(id);
      figure.style.minHeight = charts[id].height + "px";
      watcher.observe(figure);
    }
    let width = window.innerWidth;
    window.addEventListener("resize", () => {
      if (window.innerWidth !== width) { width = window.innerWidth; redraw(); }
    });
  }

  start().catch((error) => {
    const trouble = document.getElementById("trouble");
    trouble.textContent = `The charts cannot be drawn (${error}); they need a browser of 2023 or newer.`;
    trouble.hidden = false;
  });
})();
