// Small tools to build a page out of data. Data is only ever set as text.

export const element = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};

// `code` between backticks becomes a <code> element; everything else stays text.
export const inline = (text) =>
  String(text)
    .split("`")
    .map((part, index) => (index % 2 ? element("code", { textContent: part }) : part));

// JupyterLab moves between cells on arrow keys, and has a command on most letters; inside a form
// they belong to the form. What leaves the form (Tab, Escape) and chords (Ctrl+S) go on.
export const keepKeys = (node) => {
  const keep = (event) => {
    const chord = event.ctrlKey || event.metaKey || event.altKey;
    if (!chord && event.key !== "Tab" && event.key !== "Escape") event.stopPropagation();
  };
  for (const type of ["keydown", "keypress", "keyup"]) node.addEventListener(type, keep);
};
