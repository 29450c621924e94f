# Django's first tutorial, by the module wsgi: a project and an application, a
# database, the administration with its static files from a mount beside it.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(spew);
use Wsgi  qw(need_python start_wsgi);

need_python('django');

my $dir = File::Temp->newdir;
chmod 0755, $dir;

sub manage ($command) {
	my $out = qx{cd '$dir' && PYTHONDONTWRITEBYTECODE=1 PATH=/usr/bin:/bin \\
		/usr/bin/python3 $command 2>&1};
	is($?, 0, $command)
	    or diag($out);
	return;
}

manage('-m django startproject mysite .');
manage('manage.py startapp polls');
spew("$dir/polls/models.py", <<~'PYTHON');
	from django.db import models

	class Question(models.Model):
	    question_text = models.CharField(max_length=200)

	class Choice(models.Model):
	    question = models.ForeignKey(Question, on_delete=models.CASCADE)
	    choice_text = models.CharField(max_length=200)
	    votes = models.IntegerField(default=0)
	PYTHON
spew("$dir/polls/views.py", <<~'PYTHON');
	from django.db.models import F
	from django.http import HttpResponse, HttpResponseRedirect
	from django.shortcuts import get_object_or_404
	from django.urls import reverse
	from django.views.decorators.csrf import csrf_exempt
	from .models import Choice, Question

	def index(request):
	    texts = [q.question_text for q in Question.objects.all()]
	    return HttpResponse("polls: " + ", ".join(texts))

	@csrf_exempt
	def vote(request, question_id):
	    question = get_object_or_404(Question, pk=question_id)
	    choice = question.choice_set.get(pk=request.POST["choice"])
	    choice.votes = F("votes") + 1
	    choice.save()
	    return HttpResponseRedirect(reverse("results", args=(question.id,)))

	def results(request, question_id):
	    question = get_object_or_404(Question, pk=question_id)
	    return HttpResponse(" ".join("%s %d" % (c.choice_text, c.votes)
	                                 for c in question.choice_set.all()))
	PYTHON
spew("$dir/mysite/urls.py", <<~'PYTHON');
	from django.contrib import admin
	from django.urls import path
	from polls import views

	urlpatterns = [
	    path("polls/", views.index),
	    path("polls/<int:question_id>/vote/", views.vote),
	    path("polls/<int:question_id>/results/", views.results,
	         name="results"),
	    path("admin/", admin.site.urls),
	]
	PYTHON
open my $settings, '>>', "$dir/mysite/settings.py" or die $!;
print {$settings} "INSTALLED_APPS.append('polls')\n",
    "ALLOWED_HOSTS = ['localhost', '127.0.0.1']\n",
    "STATIC_ROOT = BASE_DIR / 'static'\n", "DEBUG = False\n";
close $settings;
manage('manage.py makemigrations polls');
manage('manage.py migrate');
manage('manage.py collectstatic --no-input');
manage(q{manage.py shell -c "}
	. q{from polls.models import *; }
	. q{q = Question.objects.create(question_text='What is up?'); }
	. q{q.choice_set.create(choice_text='the sky')"});

my $tined = start_wsgi('mysite.wsgi:application', path => "$dir",
	args => ['-w', 2, '-m', "/static=file:$dir/static"]);
my @fields = (fields => { 'Content-Type' =>
	'application/x-www-form-urlencoded' });

is($tined->get('/polls/')->body, 'polls: What is up?', 'the index');
is($tined->get('/polls/1/results/')->body, 'the sky 0', 'no vote');
for my $votes (1 .. 3) {
	my $vote = $tined->get('/polls/1/vote/', method => 'POST',
		body => 'choice=1', @fields);

	is($vote->status, 302, 'a vote');
	is($tined->get($vote->field('Location'))->body, "the sky $votes",
		'is counted in the database');
}
is($tined->get('/polls/9/results/')->status, 404, 'no such question');
my $login = $tined->get('/admin/login/');
like($login->body, qr/Django administration/, 'the administration');
my ($css) = $login->body =~ m{href="(/static/admin/css/[\w.]+)"};
my $style = $tined->get($css);
is($style->status, 200, 'its style, from the mount of files');
like($style->field('Content-Type'), qr{\Atext/css}, 'which is one');
is($tined->get('/nothing')->status, 404, 'a page of its own');
$tined->ends_clean;

done_testing;
