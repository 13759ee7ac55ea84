// What a check found, and one more hint each time the button is pressed.

const OUTCOMES = { passed: "✓", failed: "✗", "not attempted": "○", broken: "!" };

const item = (hint, index) =>
  element("li", {}, element("span", {}, `Hint ${index + 1}`), element("p", {}, ...inline(hint)));

export default {
  render({ model, el }) {
    const words = element("div");
    words.setAttribute("role", "status");
    const button = element("button", { type: "button" });
    button.addEventListener("click", () => model.send({ hint: true }));
    const card = element("div", { className: "check", role: "group" }, words, button);
    card.setAttribute("aria-label", `Check: ${model.get("task")}`);
    const update = () => {
      const { outcome, heading, description, observed, hints, hints_left: left } = model.get("finding");
      card.dataset.outcome = outcome;
      words.replaceChildren(
        element("strong", {}, `${OUTCOMES[outcome]} ${heading}`),
        element("p", { className: "words" }, ...inline(description)),
        observed ? element("p", {}, ...inline(observed)) : "",
        hints.length ? element("ol", { className: "hints" }, ...hints.map(item)) : "",
      );
      button.textContent = hints.length ? "Show another hint" : "Show a hint";
      // Hidden while it has the focus, it would throw the keyboard user to the top of the page.
      if (!left && document.activeElement === button) {
        card.tabIndex = -1;
        card.focus();
      }
      button.hidden = !left;
    };
    el.classList.add("two-boxes");
    el.append(card);
    keepKeys(el);
    model.on("change:finding", update);
    update();
    return () => model.off("change:finding", update);
  },
};
