// Questions with real HTML controls. The page holds no answer key: an answer goes to Python,
// its mark comes back.

const SYMBOLS = { right: "✓", partly: "◐", wrong: "✗", noted: "✓", unreadable: "→" };
const SILENCE =
  "The kernel has not answered yet. Is another cell running? If not, run this cell again.";
const PATIENCE = 1000; // milliseconds

// Each kind: nodes to show, a way to read the answer, a way to put one back, and, where an answer
// has parts, the node that stands for each part.
const choices = (type) => (question, name) => {
  const inputs = new Map();
  const nodes = question.choices.map((text) => {
    const input = element("input", { type, name, value: text });
    inputs.set(text, input);
    return element("label", { className: "choice" }, input, element("span", {}, ...inline(text)));
  });
  const taken = () => question.choices.filter((text) => inputs.get(text).checked);
  return {
    nodes,
    read: () => (type === "radio" ? (taken()[0] ?? null) : taken()),
    restore: (answer) =>
      inputs.forEach((input, text) => (input.checked = [].concat(answer).includes(text))),
    part: (text) => inputs.get(text)?.parentElement,
  };
};

const typed = (mode) => (question, name) => {
  const input = element("input", { type: "text", inputMode: mode, autocomplete: "off", name });
  const words = question.unit ? `Your answer, in ${question.unit}` : "Your answer";
  const unit = question.unit ? element("span", { className: "unit" }, question.unit) : null;
  if (unit) unit.setAttribute("aria-hidden", "true");
  input.setAttribute("aria-label", words);
  return {
    nodes: [element("div", { className: `typed ${mode}` }, input, unit)],
    read: () => input.value,
    restore: (answer) => (input.value = answer),
    part: () => null,
  };
};

const order = (question, name, say) => {
  const list = element("ol", { className: "order" });
  const rows = new Map();
  const move = (row, step) => {
    const all = [...list.children];
    const target = all[all.indexOf(row) + step];
    if (!target) return;
    target[step < 0 ? "before" : "after"](row);
    row.dispatchEvent(new Event("input", { bubbles: true }));
    settle();
    say(`${row.dataset.text}: now ${all.indexOf(row) + step + 1} of ${all.length}`);
  };
  // A button at an end is marked, not disabled: disabling it would throw the focus away.
  const settle = () =>
    [...list.children].forEach((row, index, all) => {
      const [up, down] = row.querySelectorAll("button");
      up.setAttribute("aria-disabled", index === 0);
      down.setAttribute("aria-disabled", index === all.length - 1);
    });
  const button = (row, step, symbol, word) => {
    const node = element("button", { type: "button", className: "move", textContent: symbol });
    node.setAttribute("aria-label", `Move ${word}: ${row.dataset.text}`);
    node.addEventListener("click", () => (move(row, step), node.focus()));
    return node;
  };
  for (const text of question.items) {
    const row = element("li", {}, element("span", {}, ...inline(text)));
    row.dataset.text = text.replaceAll("`", "");
    row.append(button(row, -1, "↑", "up"), button(row, 1, "↓", "down"));
    rows.set(text, row);
    list.append(row);
  }
  settle();
  return {
    nodes: [list],
    read: () => [...list.children].map((row) => [...rows].find(([, node]) => node === row)[0]),
    restore: (answer) => (list.append(...answer.map((text) => rows.get(text))), settle()),
    part: (text) => rows.get(text),
  };
};

const match = (question) => {
  const selects = new Map();
  const nodes = question.left.map((left) => {
    const select = element("select", {}, element("option", { value: "" }, "Choose…"));
    select.append(...question.right.map((right) => new Option(right.replaceAll("`", ""), right)));
    selects.set(left, select);
    return element("label", { className: "pair" }, element("span", {}, ...inline(left)), select);
  });
  return {
    nodes,
    read: () => Object.fromEntries([...selects].map(([left, node]) => [left, node.value])),
    restore: (answer) => selects.forEach((node, left) => (node.value = answer[left] ?? "")),
    part: (left) => selects.get(left)?.parentElement,
  };
};

const KINDS = {
  one: choices("radio"),
  many: choices("checkbox"),
  number: typed("decimal"),
  predict: typed("decimal"),
  text: typed("text"),
  order,
  match,
};

const ask = (model, question, index, total) => {
  const status = element("div", { className: "status" });
  status.setAttribute("role", "status");
  const say = (...nodes) => status.replaceChildren(...nodes);
  // A name belongs to its form, so the same question twice on a page makes two groups.
  const control = KINDS[question.kind](question, question.id, (text) => say(text));
  const guess = question.kind === "predict";
  const count = guess ? "Before you measure" : total > 1 ? `Question ${index + 1} of ${total}` : "Question";
  const form = element(
    "form",
    { className: "question", noValidate: true },
    element(
      "fieldset",
      {},
      element(
        "legend",
        {},
        element("span", { className: "count" }, count),
        element("span", { className: "words" }, ...inline(question.question)),
      ),
      question.code ? element("pre", { tabIndex: 0 }, element("code", {}, question.code)) : null,
      question.picture ? element("img", { src: question.picture, alt: question.alt }) : null,
      question.kind === "many" ? element("p", { className: "tip" }, "Choose all that apply.") : null,
      ...control.nodes,
    ),
    element("button", { className: "submit" }, guess ? "Note my guess" : "Check my answer"),
    status,
  );

  form.dataset.kind = question.kind;

  const clear = () => {
    delete form.dataset.verdict;
    form.querySelectorAll(".part").forEach((node) => node.remove());
    say();
  };
  const show = (mark) => {
    clear();
    form.dataset.verdict = mark.verdict;
    say(
      element("strong", {}, `${SYMBOLS[mark.verdict]} ${mark.heading}`),
      ...mark.feedback.map((text) => element("p", {}, ...inline(text))),
    );
    for (const [text, right] of Object.entries(mark.parts)) {
      const word = right ? "✓ right" : "✗ not right";
      control.part(text)?.append(
        element("span", { className: `part ${right ? "right" : "wrong"}` }, word),
      );
    }
  };
  let waiting;
  form.addEventListener("input", clear);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clear();
    clearTimeout(waiting);
    waiting = setTimeout(() => say(SILENCE), PATIENCE);
    model.send({ question: question.id, answer: control.read() });
  });
  let seen = -1;
  return {
    form,
    update: () => {
      const mark = model.get("marks")[question.id];
      if (!mark || mark.attempt === seen) return;
      clearTimeout(waiting);
      if (seen === -1 && mark.answer !== null) control.restore(mark.answer);
      seen = mark.attempt;
      show(mark);
    },
  };
};

export default {
  render({ model, el }) {
    const questions = model.get("questions");
    const asked = questions.map((one, index) => ask(model, one, index, questions.length));
    const update = () => asked.forEach((one) => one.update());
    el.classList.add("two-boxes");
    el.append(...asked.map((one) => one.form));
    keepKeys(el);
    model.on("change:marks", update);
    update();
    return () => model.off("change:marks", update);
  },
};
