// Tables of class "sorts": a click on a header sorts by its column, a second one the other way round.
document.querySelectorAll('table.sorts').forEach(function (table) {
  'use strict';
  var heads = Array.from(table.tHead.rows[0].cells);
  var body = table.tBodies[0];

  function key(row, column) {
    var cell = row.cells[column];
    var text = cell.dataset.value === undefined ? cell.textContent : cell.dataset.value;
    var number = text === '' ? NaN : Number(text);
    return { text: text, number: number };
  }

  function compare(a, b, sign) {
    if (Number.isNaN(a.number) !== Number.isNaN(b.number) && (a.text === '' || b.text === '')) {
      return Number.isNaN(a.number) ? 1 : -1; // what is empty stands last in both directions
    }
    if (!Number.isNaN(a.number) && !Number.isNaN(b.number)) {
      return sign * (a.number - b.number);
    }
    return sign * a.text.localeCompare(b.text, 'en', { numeric: true });
  }

  heads.forEach(function (head, column) {
    var button = document.createElement('button');
    button.type = 'button';
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener('click', function () {
      var up = head.getAttribute('aria-sort') !== 'ascending';
      heads.forEach(function (other) { other.removeAttribute('aria-sort'); });
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      var rows = Array.from(body.rows).map(function (row) { return { row: row, key: key(row, column) }; });
      rows.sort(function (a, b) { return compare(a.key, b.key, up ? 1 : -1); });
      body.append.apply(body, rows.map(function (each) { return each.row; }));
    });
  });
});
