// The viewer of cases: volumes where the browser has WebGL 2, a slider of axial slices elsewhere.
(function () {
  'use strict';
  var root = document.getElementById('viewer');
  if (!root) { return; }
  var classes = JSON.parse(document.getElementById('classes').textContent);
  var cases = Array.from(document.querySelectorAll('script.case'));
  var panes = new Panes(root.querySelector('.panes'), classes, tellPlace);
  var reason = ''; // why volumes cannot be shown
  var turn = 0; // counts what was asked for, so that a slow case does not replace a later one

  function find(selector) { return root.querySelector(selector); }
  function control(name) { return find('[data-control=' + name + ']'); }
  function say(text) { find('.note').textContent = text; }
  function classOf(id) { return classes.find(function (each) { return each.id === id; }); }
  function make(tag, text) {
    var node = document.createElement(tag);
    if (text !== undefined) { node.textContent = text; }
    return node;
  }
  function mark(colour) {
    var node = make('i');
    node.style.background = colour;
    return node;
  }
  function fillWith(node, children) { node.replaceChildren.apply(node, children); }

  function tellPlace(mm, hu, ids) {
    var names = ids.map(function (pair) {
      var known = classOf(pair[1]);
      return '; ' + pair[0].toLowerCase() + ': ' + (known ? known.name : 'no class');
    });
    find('.place').textContent = 'x ' + mm[0].toFixed(0) + ', y ' + mm[1].toFixed(0) + ', z ' + mm[2].toFixed(0) + ' mm: ' +
      hu.toFixed(0) + ' HU' + names.join('');
  }

  function listClasses(content) {
    var titles = Object.keys(content.maps);
    var head = make('tr');
    head.append.apply(head, ['class'].concat(titles.map(function (title) { return title + ' (ml)'; }), ['DSC (%)'])
      .map(function (text) { return make('th', text); }));
    fillWith(find('.classes thead'), [head]);
    fillWith(find('.classes tbody'), content.classes.map(function (facts) {
      var known = classOf(facts.id);
      var row = make('tr');
      var cell = make('td');
      var box = make('input');
      box.type = 'checkbox';
      box.checked = !panes.hidden.has(known.id);
      box.setAttribute('aria-label', 'show ' + known.name);
      box.addEventListener('change', function () {
        if (box.checked) { panes.hidden.delete(known.id); } else { panes.hidden.add(known.id); }
        panes.repaint();
      });
      var name = make('button', known.name);
      name.type = 'button';
      name.addEventListener('click', function () { panes.go(facts.at); });
      cell.append(box, mark(known.colour), name);
      row.append(cell);
      titles.forEach(function (title) { row.append(make('td', facts.ml[title].toFixed(1))); });
      row.append(make('td', facts.dsc === null ? '' : (100 * facts.dsc).toFixed(1)));
      return row;
    }));
  }

  function switchAll(on) {
    classes.forEach(function (each) { if (on) { panes.hidden.delete(each.id); } else { panes.hidden.add(each.id); } });
    root.querySelectorAll('.classes input').forEach(function (box) { box.checked = on; });
    panes.repaint();
  }

  function offer(content) {
    var choices = Object.keys(content.maps);
    choices = (choices.length === 2 ? ['Prediction', 'Reference', 'Side by side', 'Differences'] : choices).concat('CT');
    var before = control('show').value;
    fillWith(control('show'), choices.map(function (choice) {
      var option = make('option', choice === 'CT' ? 'CT alone' : choice.toLowerCase());
      option.value = choice;
      return option;
    }));
    control('show').value = choices.includes(before) ? before : choices[0];
  }

  async function arrange() {
    var choice = control('show').value;
    fillWith(find('.marks'), choice !== 'Differences' ? [] : Panes.DIFFERENCES.flatMap(function (each) {
      return [mark(each.colour), each.name, make('br')];
    }));
    root.dataset.layout = control('layout').value;
    await panes.show(choice === 'Side by side' ? ['Reference', 'Prediction'] : [choice], root.dataset.layout);
  }

  async function open(index) {
    var mine = ++turn;
    delete root.dataset.open;
    control('case').value = String(index);
    say('Opening ' + cases[index].dataset.case + ' ...');
    await new Promise(function (done) { setTimeout(done, 30); }); // lets the browser show the line above
    var content = JSON.parse(cases[index].textContent);
    try {
      if (panes.library) {
        var volumes = await panes.unpack(content);
        if (mine !== turn) { return; }
        panes.shown = volumes;
        offer(content);
        listClasses(content);
        await arrange();
        if (mine !== turn) { return; }
        say(content.note + (volumes.isThinned ? ' Thinned out, since this browser draws without a graphics card.' : ''));
      }
    } catch (error) {
      without(error);
    }
    if (!panes.library) {
      slide(content);
      say(content.name + ': axial slices instead of volumes, since ' + reason + '.');
    }
    root.dataset.open = content.name;
  }

  function without(error) {
    panes.library = null;
    reason = String(error.message || error);
    root.classList.add('without');
  }

  function slide(content) {
    var box = find('.slides');
    var slider = box.querySelector('input');
    var picture = box.querySelector('img');
    box.hidden = false;
    fillWith(box.querySelector('.heads'), content.heads.map(function (text) { return make('span', text); }));
    fillWith(box.querySelector('.legend'), content.classes.map(function (facts) {
      var label = make('span');
      label.append(mark(classOf(facts.id).colour), classOf(facts.id).name);
      return label;
    }));
    slider.max = String(content.slices.length - 1);
    slider.value = String(content.first);
    slider.setAttribute('aria-label', 'axial slice of ' + content.name);
    slider.oninput = function () {
      var slice = content.slices[slider.value];
      picture.src = slice.src;
      picture.alt = 'axial slice of ' + content.name + ', ' + slice.text;
      box.querySelector('output').textContent = slice.text;
    };
    slider.oninput();
  }

  fillWith(control('case'), cases.map(function (script, index) {
    var option = make('option', script.dataset.case);
    option.value = String(index);
    return option;
  }));
  document.querySelectorAll('[data-open-case]').forEach(function (button) {
    button.addEventListener('click', function () {
      root.scrollIntoView({ block: 'start' });
      open(Number(button.dataset.openCase));
    });
  });
  control('case').addEventListener('change', function () { open(Number(control('case').value)); });
  control('show').addEventListener('change', arrange);
  control('layout').addEventListener('change', function () {
    root.dataset.layout = control('layout').value;
    panes.lay(root.dataset.layout);
  });
  control('every').addEventListener('click', function () { switchAll(true); });
  control('none').addEventListener('click', function () { switchAll(false); });
  control('opacity').addEventListener('input', function () { panes.setOpacity(control('opacity').value / 100); });
  control('window').addEventListener('change', function () { panes.setWindow(control('window').value.split(',').map(Number)); });

  panes.load().catch(without).then(function () { return open(0); });
})();
